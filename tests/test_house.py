"""The house stands: imports run downwards, the book is short and needs NumPy alone, and an op's page names no device."""

import ast
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import minivit
from minivit._former import MOVED

ROOT = Path(minivit.__file__).parents[1]
# From the ground up. What stands on one line may not import each other, but for the parts of one package.
FLOORS = "backend / called checks / arguments / engine / kernels / ops / gradcheck nn optim data / models / training / program"
FLOOR = {name: number for number, names in enumerate(FLOORS.split("/")) for name in names.split()}
PAGES = "backend checks arguments engine gradcheck nn optim ops models.config models.vit models.hybrid training"
BESIDE = "training.detection training.matching training.average_precision training.finetune training.pretrained training.exported"
BESIDE += " training.distributed training.gpus"
BOOK_LINES = 3500


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted((ROOT / "minivit").rglob("*.py"))}


def imports(module):
    """[(the module that is imported, the function that imports it, or "")], whether written above or inside a function."""
    path, found = MODULES[module], []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
                source = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    full = f"{source}.{alias.name}"
                    found.append((full if full in MODULES else source, inside))
            visit(child, child.name if isinstance(child, ast.FunctionDef) else inside)

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def room(module):
    """The part of minivit that a module stands in: "ops" for minivit.ops.gelu."""
    return module.split(".")[1] if module.startswith("minivit.") else ""


def is_page(module):
    name = module.removeprefix("minivit.")
    return name not in BESIDE.split() and any(name == page or name.startswith(f"{page}.") for page in PAGES.split())


def test_every_module_stands_on_a_floor():
    assert {room(m) for m in MODULES} - {"", "__main__", "_former", "_start"} == set(FLOOR)


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) in FLOOR])
def test_imports_run_downwards(module):
    for imported, _ in imports(module):
        if room(imported) and room(imported) != room(module):
            assert FLOOR[room(imported)] < FLOOR[room(module)], f"{module} imports {imported}"


def test_no_module_imports_itself_on_any_road():
    graph = {m: {i for i, _ in imports(m) if i in MODULES and i != "minivit" and not m.startswith(f"{i}.")} for m in MODULES}

    def roads(module, road):
        assert module not in road, " -> ".join([*road, module])
        if module not in seen:
            seen.add(module)
            for imported in graph[module]:
                roads(imported, [*road, module])

    seen = set()
    for module in graph:
        roads(module, [])


def test_models_take_only_formats_from_data_and_data_nothing_from_models():
    taken = {i for m in MODULES if room(m) == "models" for i, _ in imports(m) if room(i) == "data"}
    assert all(i.startswith("minivit.data.formats") for i in taken)


@pytest.mark.parametrize("module", [m for m in MODULES if is_page(m) or room(m) == "kernels"])
def test_the_book_needs_numpy_alone(module):
    for imported, inside in imports(module):
        first = imported.split(".")[0]
        allowed = {"numpy", "minivit"} | sys.stdlib_module_names
        if inside and (module.endswith(".backend") or room(module) == "kernels"):
            allowed |= {"cupy", "cupyx"}  # where there is a GPU
        if inside == "_blas":
            allowed |= {"threadpoolctl"}
        assert first in allowed, f"{module} imports {imported}"


RUNS_A_PICKLE = "pickle _pickle pickletools copyreg marshal shelve joblib dill cloudpickle".split()


def test_no_pickle_is_ever_executed():
    """One file takes pickles to pieces, which runs nothing; no other knows of them, and NumPy is told to refuse them."""
    found = {(m, i) for m in MODULES for i, _ in imports(m) if i.split(".")[0] in RUNS_A_PICKLE}
    assert found == {("minivit.data.formats.torch_file", "pickletools")}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ClassDef) and "Unpickler" in ast.unparse(node)), module
            if isinstance(node, ast.FunctionDef) and node.name == "find_class":
                assert "super" not in ast.unparse(node), module
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in ast.unparse(node), module


@pytest.mark.parametrize("module", MODULES)
def test_minivit_never_imports_the_course(module):
    assert not [i for i, _ in imports(module) if i.split(".")[0] in ("lessons", "tests", "benchmarks")]


def test_the_book_can_be_read_in_an_afternoon():
    """Lines with something on them, docstrings and comments counted in."""
    lines = {
        m: sum(1 for line in MODULES[m].read_text(encoding="utf-8").splitlines() if line.strip()) for m in MODULES if is_page(m)
    }
    assert sum(lines.values()) < BOOK_LINES, lines


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) == "ops"])
def test_an_ops_page_names_no_device(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert not [word for word in ("cuda", "cupy", " is np\n", "is not np", "is np ") if word in text]


@pytest.mark.parametrize("module", [m for m in MODULES if is_page(m)])
def test_a_file_is_one_idea(module):
    assert MODULES[module].read_text(encoding="utf-8").count("\n") <= 320


@pytest.mark.parametrize("former, now", MOVED.items())
def test_what_stood_elsewhere_is_found_there_for_one_release(former, now):
    sys.modules.pop(former, None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = importlib.import_module(former)
    assert module is importlib.import_module(now) and module.__name__ == now
    assert [w.category for w in told if former in str(w.message)] == [DeprecationWarning]


def test_the_names_that_others_import():
    names = "Tensor ViT ViTConfig ops optim data gradcheck gradients no_grad op models training"
    assert all(hasattr(minivit, name) for name in names.split())
    assert minivit.ops.registry["gelu"] is minivit.ops.gelu and callable(minivit.ops.use)


@pytest.mark.parametrize("name", ["data", "training", "checkpoint", "load", "load_pretrained", "save"])
def test_rooms_beside_the_model_are_there_after_import_minivit_and_read_only_when_asked_for(name):
    code = f"import sys, minivit; assert 'minivit.training' not in sys.modules; minivit.{name}; print('there')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "there\n", done.stderr


def test_a_name_that_minivit_has_not_is_answered_with_those_it_has():
    with pytest.raises(AttributeError, match="no attribute 'Vit'; it has Tensor, ViT"):
        minivit.Vit  # noqa: B018
