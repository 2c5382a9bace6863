"""Where the wheels are not handed out with the site, the browser fetches them, and nothing else, from where they lie."""

import json
import os
import shutil
from pathlib import Path

import pytest

from lessons.classroom.site.python import CORE

from ..support.site import Visitor, served

PAGE = "00_start_here/index.html"


@pytest.fixture
def elsewhere(tmp_path, address):
    """(the address of a server with the wheels, a site that has none and names that server)."""
    whole, site, wheels = Path(os.environ["MINIVIT_SITE"]), tmp_path / "site", tmp_path / "wheels"
    shutil.copytree(whole, site, ignore=lambda folder, names: [n for n in names if n.endswith((".whl", ".png", ".gif"))])
    wheels.mkdir()
    for wheel in (whole / "pyodide").glob("*.whl"):
        shutil.copy(wheel, wheels)
    page = (site / PAGE).read_text(encoding="utf-8")
    allowed = "connect-src &#x27;self&#x27; blob:"
    assert page.count(f"{allowed};") == 1
    with served(wheels, to_all=True) as there:
        there += "/"
        (site / "pyodide" / "wheels.js").write_text(f"export default {json.dumps(there)};")
        (site / PAGE).write_text(page.replace(allowed, f"{allowed} {there}"), encoding="utf-8")
        yield there, site, wheels


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
