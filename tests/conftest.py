"""Fixtures that all tests share."""

import os

import numpy as np
import pytest

from .support.plain import DEVICES

if os.environ.get("MINIVIT_EXACT_MEMORY") and "gpu" in DEVICES:
    import cupy

    cupy.cuda.set_allocator(None)  # memory of its own for each array: an address sanitizer then sees reads past its end


def pytest_generate_tests(metafunc):
    """A test that takes `device` runs on each that is usable here: "cpu", and "gpu" where CuPy has one."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", DEVICES)


@pytest.fixture
def rng():
    return np.random.default_rng(2010_11929)
