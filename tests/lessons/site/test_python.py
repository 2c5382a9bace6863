"""What the browser's Python is made of: the wheels that the lock names, no others, and this project in a zip."""

import hashlib
import json
import zipfile

import pytest

from lessons.classroom.site import python


@pytest.fixture
def packages(tmp_path):
    """node_modules with a Pyodide of four packages, of which two are needed; and a folder with the wheels of those."""
    pyodide, wheels = tmp_path / "node_modules" / "pyodide", tmp_path / "wheels"
    pyodide.mkdir(parents=True), wheels.mkdir()
    for name in python.CORE:
        (pyodide / name).write_text(f"this is {name}")
    lock = {"info": {"version": "1.2.3"}, "packages": {}}
    for name, depends in {"numpy": [], "matplotlib": ["numpy", "cycler"], "cycler": [], "scipy": ["numpy"]}.items():
        (wheels / f"{name}.whl").write_bytes(name.encode())
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        lock["packages"][name] = {"file_name": f"{name}.whl", "sha256": sha256, "depends": depends}
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock))
    return tmp_path / "node_modules"


def test_the_site_holds_what_the_lock_names_and_its_lock_names_no_more(packages, tmp_path):
    assert python.write(tmp_path / "out", packages, tmp_path / "wheels") == ""
    lock = json.loads((tmp_path / "out" / "pyodide-lock.json").read_text())
    assert sorted(lock["packages"]) == ["cycler", "matplotlib", "numpy"]
    wheels = ["cycler.whl", "matplotlib.whl", "numpy.whl"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*python.CORE, *wheels, "pyodide-lock.json", "wheels.js"]
    )


def test_from_the_cdn_only_wheels_are_fetched_and_the_lock_keeps_their_hashes(packages, tmp_path):
    foreign = python.write(tmp_path / "out", packages, "cdn")
    assert foreign == "https://cdn.jsdelivr.net/pyodide/v1.2.3/full/"
    lock = json.loads((tmp_path / "out" / "pyodide-lock.json").read_text())["packages"]["numpy"]
    assert foreign in (tmp_path / "out" / "wheels.js").read_text()
    assert lock["file_name"] == "numpy.whl" and lock["sha256"] == hashlib.sha256(b"numpy").hexdigest()
    assert not list((tmp_path / "out").glob("*.whl")) and (tmp_path / "out" / "pyodide.mjs").exists()


def test_a_wheel_that_is_missing_or_another_is_refused(packages, tmp_path):
    (tmp_path / "wheels" / "cycler.whl").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"cycler.whl is not the file that Pyodide's lock names: its sha256 differs"):
        python.write(tmp_path / "out", packages, tmp_path / "wheels")
    (tmp_path / "wheels" / "cycler.whl").unlink()
    with pytest.raises(ValueError, match=r"cycler.whl is missing; it is at https://cdn"):
        python.write(tmp_path / "other", packages, tmp_path / "wheels")


def test_the_project_in_a_zip_is_the_same_each_time_and_imports(tmp_path):
    python.project(tmp_path / "one.zip"), python.project(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    wanted = "minivit/__init__.py lessons/05_gelu/lesson.py lessons/classroom/trained.npz minivit/training/presets/digits.toml"
    assert set([*wanted.split(), "tqdm/__init__.py", "threadpoolctl.py"]) <= set(names)
    assert not [name for name in names if name.endswith((".png", ".pyc", ".js")) or name == python.LARGE]
