"""What Node does when the site is built: texts in Markdown, formulas in them, to HTML; the page's scripts into bundles."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from minivit.data.fetch.copies import cache_folder

from ..screen import say

WEB = Path(__file__).parent / "web"
ENTRIES = ("lesson.js", "list.js", "plain.js", "front.js")  # a script a kind of page; what they share is bundled once


class Tools:
    """Node, and the packages that package-lock.json pins, installed once into the cache of this user.

    tools.html({name: markdown})      {name: HTML}
    tools.bundle(folder)              writes the bundles of ENTRIES there
    tools.packages                    the folder node_modules
    """

    def __init__(self):
        self.node, self.npm = (_program(name) for name in ("node", "npm"))
        wanted = b"".join((WEB / name).read_bytes() for name in ("package.json", "package-lock.json"))
        self.folder = cache_folder() / "site" / hashlib.sha256(wanted).hexdigest()[:12]
        self.packages = self.folder / "node_modules"
        if not (self.folder / "complete").exists():
            self._install()

    def _install(self):
        say("npm installs the page's packages, this once: some seconds.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, self.folder)
        _run(
            [self.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            self.folder,
            "npm could not install the page's packages",
        )
        (self.folder / "complete").touch()

    def _with_sources(self):
        """The scripts beside node_modules, where imports are looked for."""
        for path in WEB.iterdir():
            shutil.copy(path, self.folder)

    def html(self, texts):
        self._with_sources()
        done = _run([self.node, "render.mjs"], self.folder, "a text could not be made into HTML", json.dumps(texts))
        return json.loads(done)

    def bundle(self, folder):
        self._with_sources()
        esbuild = [self.node, str(self.packages / "esbuild" / "bin" / "esbuild")]
        how = [
            "--bundle",
            "--minify",
            "--splitting",
            "--format=esm",
            "--target=es2022",
            "--log-level=warning",
            "--legal-comments=none",
        ]
        _run([*esbuild, *ENTRIES, *how, f"--outdir={folder.resolve()}"], self.folder, "the page's scripts could not be bundled")


def _program(name):
    path = shutil.which(name)
    if path is None:
        raise ValueError(f"{name} is not found: the site is built with Node 20 or later, which brings node and npm (nodejs.org)")
    return path


def _run(command, folder, what, text=None):
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise ValueError(f"{what}: {done.stderr.strip()[-2000:]}")
    return done.stdout
