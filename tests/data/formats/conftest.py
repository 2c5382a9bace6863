"""The cache of these tests is a folder of their own."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The folder that MINIVIT_DATA names; it is not there before something is kept."""
    path = tmp_path_factory.mktemp("home") / "cache"
    monkeypatch.setenv("MINIVIT_DATA", str(path))
    return path
