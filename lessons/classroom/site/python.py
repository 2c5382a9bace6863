"""What the browser's Python is made of: Pyodide's core, the wheels that it loads when they are wanted, and this project in a zip.

Pyodide's lock file has the sha256 of each wheel, and the browser refuses one that differs. The core comes with the packages that
package-lock.json pins, so that no script is ever loaded from another place than the site.
"""

import hashlib
import importlib.metadata
import json
import shutil
import zipfile
from pathlib import Path

from .. import course

CORE = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
PACKAGES = ("numpy", "matplotlib")
PURE = ("tqdm", "threadpoolctl")  # plain Python: taken from where this runs
LARGE = "minivit/data/fashion-mini.npz"  # fetched when a lesson opens it


def write(folder, packages, wheels):
    """Fills `folder` with Pyodide, its lock cut down. Returns the address that pages must be allowed to ask, or "".

    packages   node_modules
    wheels     a folder that holds those of this release, or "cdn", where the browser then fetches them
    """
    folder.mkdir(parents=True)
    pyodide = packages / "pyodide"
    for name in CORE:
        shutil.copy(pyodide / name, folder)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    lock["packages"] = {name: lock["packages"][name] for name in _needed(lock["packages"])}
    cdn = CDN.format(version=lock["info"]["version"])
    for package in lock["packages"].values():
        if wheels != "cdn":
            _copy_wheel(Path(wheels) / package["file_name"], package["sha256"], folder, cdn)
    (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    foreign = cdn if wheels == "cdn" else ""
    (folder / "wheels.js").write_text(
        f"// Where the wheels lie, if not here.\nexport default {json.dumps(foreign)};\n", encoding="utf-8"
    )
    return foreign


def _needed(packages):
    """The names of PACKAGES and of all that they depend on."""
    needed, ahead = set(), list(PACKAGES)
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed.add(name)
            ahead += packages[name]["depends"]
    return sorted(needed)


def _copy_wheel(path, sha256, folder, cdn):
    if not path.is_file():
        raise ValueError(f"--pyodide: {path} is missing; it is at {cdn}{path.name}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(
            f"--pyodide: {path} is not the file that Pyodide's lock names: its sha256 differs. Fetch {cdn}{path.name}"
        )
    shutil.copy(path, folder)


def project(path):
    """Writes this project, and the plain Python packages that it needs, as a zip that is the same each time."""
    root = course.FOLDER.parent
    files = {}
    for file in sorted([*(root / "minivit").rglob("*"), *(root / "lessons").rglob("*")]):
        name = file.relative_to(root).as_posix()
        if file.suffix in (".py", ".npz", ".json", ".toml", ".txt") and "/web/" not in name and name != LARGE:
            files[name] = file
    for package in PURE:
        for file in importlib.metadata.files(package):
            if file.suffix == ".py" and not file.is_absolute() and ".." not in file.parts:
                files[file.as_posix()] = file.locate()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            archive.writestr(entry, Path(file).read_bytes(), zipfile.ZIP_DEFLATED, 9)
