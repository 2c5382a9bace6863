"""One browser for all, one visitor a test, whose page must end without an error and without a request to anybody else.

The site is what MINIVIT_SITE names: .ci/run builds it with `python -m lessons site FOLDER --pyodide WHEELS --no-demos`.
"""

import os
import shutil

import pytest

from lessons.classroom.site.node import Tools

from ..support.site import FLAGS, Visitor, served

SITE = os.environ.get("MINIVIT_SITE", "")


@pytest.fixture(scope="session")
def address():
    if not SITE:
        pytest.skip("MINIVIT_SITE names no site to look at")
    with served(SITE) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "there is no Chromium on this machine"
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=FLAGS.split())


@pytest.fixture
def visitor(browser, address):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        visitor = Visitor(context, address)
        yield visitor
        assert visitor.foreign() == [] and visitor.wrong == []


@pytest.fixture(scope="module")
def shared(browser, address):
    """A visitor whose Python is started once for a whole file of tests."""
    with browser.new_context() as context:
        visitor = Visitor(context, address).at("00_start_here/index.html").ready()
        yield visitor
        assert visitor.foreign() == [] and visitor.wrong == []


@pytest.fixture(scope="session")
def axe():
    """axe-core's script, as package-lock.json pins it."""
    return (Tools().packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
