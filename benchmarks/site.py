"""How long the course's website takes to be there, and how much of it travels: python -m benchmarks.site FOLDER

FOLDER is what `python -m lessons site FOLDER --pyodide WHEELS` has written. Needs playwright (from PyPI) and Chromium. Times
hang on what else runs on the machine: the CPU seconds of the browser are told beside.
"""

import argparse
import contextlib
import gzip
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlparse

from playwright.sync_api import sync_playwright

from lessons.classroom import course
from lessons.classroom.pages import build
from tests.support.site import FLAGS, Visitor, served

LESSON = course.find("05")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
CHECKED = """async () => {
    const began = performance.now(), files = {"05_gelu.py": minivit.text()};
    const {answer} = await minivit.python.call("command", [["check", "05"], 30], {files});
    if (answer.code) throw new Error(answer.text);
    return (performance.now() - began) / 1000;
}"""


def gzipped(folder, urls):
    """Megabytes of these files of the site, as a web server compresses them."""
    paths = {Path(folder) / urlparse(url).path.lstrip("/") for url in urls if url.startswith("http")}
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths if path.is_file()) / 1e6


def cpu_seconds():
    """User and system seconds of every process that this one has started, and those have started (Linux)."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
            seconds[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    own = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(seconds[child] for child in own if child in seconds)


def main(folder):
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if not chromium:
        sys.exit("there is no chromium and no google-chrome on the PATH: install one of them")
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS.split())
        visitor = Visitor(browser.new_context(), address)
        began = cpu_seconds()
        visitor.at(f"{LESSON.name}/index.html").ready()
        print(f"first text      {visitor.page.evaluate(PAINT):5.1f} s")
        marks = visitor.page.evaluate("minivit.python.marks")
        print(
            f"Python ready    {marks['all'] / 1000:5.1f} s after its worker began; all of it {cpu_seconds() - began:.1f} s of CPU"
        )
        print(f"first visit     {gzipped(folder, visitor.asked):5.1f} MB gzipped")
        visitor.write(build.solution(LESSON.source, LESSON.name))
        for label in ("first check", "a check"):
            took = visitor.page.evaluate(CHECKED)
            print(f"{label:15} {took:5.1f} s")
        before = len(visitor.asked)
        visitor.page.get_by_role("button", name="Draw").click()
        visitor.page.locator(".drawn img[src^='blob:']").wait_for(timeout=300_000)
        print(f"first picture   {gzipped(folder, visitor.asked[before:]):5.1f} MB gzipped")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER")
    main(parser.parse_args().folder)
