"""Where the wheels are not handed out with the site, the browser fetches them, and nothing else, from where they lie."""

import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from lessons.classroom.site.python import CORE

from ..support.site import Visitor, served

PAGE = "00_start_here/index.html"


class _Elsewhere(http.server.SimpleHTTPRequestHandler):
    """Another server than the site's, which lets pages of others ask it, as Pyodide's does."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def elsewhere(tmp_path, address):
    """(the address of a server with the wheels, a site that has none and names that server)."""
    whole, site, wheels = Path(os.environ["MINIVIT_SITE"]), tmp_path / "site", tmp_path / "wheels"
    shutil.copytree(whole, site, ignore=lambda folder, names: [n for n in names if n.endswith((".whl", ".png", ".gif"))])
    wheels.mkdir()
    for wheel in (whole / "pyodide").glob("*.whl"):
        shutil.copy(wheel, wheels)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Elsewhere, directory=wheels))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{server.server_address[1]}/"
    (site / "pyodide" / "wheels.js").write_text(f"export default {json.dumps(there)};")
    page = (site / PAGE).read_text(encoding="utf-8")
    assert page.count("connect-src &#x27;self&#x27; blob:;") == 1
    (site / PAGE).write_text(
        page.replace("connect-src &#x27;self&#x27; blob:;", f"connect-src &#x27;self&#x27; blob: {there};"), encoding="utf-8"
    )
    yield there, site, wheels
    server.shutdown()


def test_only_wheels_are_asked_for_elsewhere(browser, elsewhere):
    there, site, _ = elsewhere
    with served(site) as address, browser.new_context() as context:
        visitor = Visitor(context, address).at(PAGE).ready()
        assert "did you mean 'image'" in visitor.click("Check")
        assert visitor.foreign() and all(url.startswith(f"{there}numpy-") for url in visitor.foreign())
        assert not [name for name in CORE if any(name in url for url in visitor.foreign())]


def test_a_wheel_that_was_changed_is_refused(browser, elsewhere):
    _, site, wheels = elsewhere
    wheel = next(wheels.glob("numpy-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    with served(site) as address, browser.new_context() as context:
        visitor = Visitor(context, address).at(PAGE)
        visitor.page.wait_for_selector("#python:text-matches('could not be loaded')", timeout=180_000)
