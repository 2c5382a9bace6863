"""Which array library, whether a GPU is usable, and the functions spelled once for both."""

import math
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from minivit import backend


@pytest.fixture
def fresh_status():
    """gpu_status is cached for the process; these tests ask it anew and leave the cache as the process needs it."""
    backend.gpu_status.cache_clear()
    yield backend.gpu_status
    backend.gpu_status.cache_clear()


def pretend_cupy(monkeypatch, **attributes):
    module = types.ModuleType("cupy")
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.mark.parametrize("x", [np.ones(3), np.float32(1), 2.5, [1, 2], None], ids=["array", "scalar", "float", "list", "None"])
def test_what_is_not_cupys_is_numpys(x):
    assert backend.array_module(x) is np


def test_an_array_decides_by_the_module_of_its_type(monkeypatch):
    cupy = pretend_cupy(monkeypatch)
    array = type("ndarray", (), {"__module__": "cupy"})()
    assert backend.array_module(array) is cupy


def test_importing_minivit_imports_no_gpu_library_and_no_plots():
    root = Path(backend.__file__).parents[1]
    program = "import sys, minivit; print([m for m in ('cupy', 'torch', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_to_host_and_to_the_cpu_do_not_copy_what_is_there():
    x = np.ones(3)
    assert backend.to_host(x) is x
    assert backend.to_device(x, "cpu") is x


def test_an_unknown_device_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match=r"tpu.*cpu.*gpu"):
        backend.to_device(np.ones(3), "tpu")


def test_without_cupy_the_reason_says_what_to_install(monkeypatch, fresh_status):
    monkeypatch.setitem(sys.modules, "cupy", None)  # import cupy raises ImportError
    usable, reason = fresh_status()
    assert not usable
    assert "pip install" in reason and "cupy" in reason and "\n" not in reason
    with pytest.raises(ValueError, match="pip install"):
        backend.to_device(np.ones(3), "gpu")


def test_a_cupy_that_fails_is_no_gpu_and_its_error_is_told_in_one_line(monkeypatch, fresh_status):
    def ones(*args, **options):
        raise RuntimeError("libcublas.so is missing\nand a long story")

    pretend_cupy(monkeypatch, ones=ones)
    usable, reason = fresh_status()
    assert not usable
    assert "RuntimeError" in reason and "libcublas.so is missing" in reason and "\n" not in reason


def test_a_gpu_that_computes_wrong_numbers_is_not_used(monkeypatch, fresh_status):
    runtime = types.SimpleNamespace(getDeviceProperties=lambda i: {"name": b"Toy GPU"})
    pretend_cupy(monkeypatch, ones=lambda shape, dtype: np.zeros(shape, dtype), cuda=types.SimpleNamespace(runtime=runtime))
    usable, reason = fresh_status()
    assert not usable
    assert "Toy GPU" in reason


def test_a_gpu_that_computes_is_named(monkeypatch, fresh_status):
    runtime = types.SimpleNamespace(getDeviceProperties=lambda i: {"name": b"Toy GPU"})
    pretend_cupy(monkeypatch, ones=np.ones, cuda=types.SimpleNamespace(runtime=runtime))
    usable, reason = fresh_status()
    assert usable
    assert "Toy GPU" in reason


def test_add_at_adds_once_for_every_repetition():
    x = np.zeros(3)
    backend.add_at(x, np.array([1, 1, 0, 1]), np.array([1.0, 2.0, 4.0, 8.0]))
    assert x.tolist() == [4, 11, 0]


@pytest.mark.parametrize("dtype, limit", [(np.float32, 6e-7), (np.float64, 1e-15)])
def test_erf_against_pythons(dtype, limit):
    x = np.concatenate([np.linspace(-6, 6, 501), [0.0, 1e-30, 100.0, -100.0]]).astype(dtype)
    found = backend.erf(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [math.erf(v) for v in x.astype(float)], atol=limit)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_keeps_shape_and_dtype(shape, dtype):
    found = backend.erf(np.full(shape, 0.5, dtype))
    assert (found.shape, found.dtype) == (shape, dtype)
