"""Fixtures that all tests share."""

import os
import signal

import numpy as np
import pytest

from .support.plain import DEVICES

# The background job of a shell ignores it, and so would every program that a test interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.get("MINIVIT_EXACT_MEMORY") and "gpu" in DEVICES:
    import cupy

    cupy.cuda.set_allocator(None)  # memory of its own for each array: an address sanitizer then sees reads past its end


def pytest_collection_modifyitems(items):
    """A test marked `slow_of("t2t", "mean")` is slow with the parameters whose id begins so."""
    for item in items:
        for mark in item.iter_markers("slow_of"):
            if item.callspec.id.startswith(mark.args):
                item.add_marker("slow")


def pytest_generate_tests(metafunc):
    """A test that takes `device` runs on each that is usable here: "cpu", and "gpu" where CuPy has one."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", DEVICES)


@pytest.fixture
def rng():
    return np.random.default_rng(2010_11929)
