"""What the tests of the checker share."""

import pytest

from lessons.classroom.checker import mending


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The search for a mistake ends by its own count, and not by the clock of a machine that does other things as well."""
    monkeypatch.setattr(mending, "PATIENCE", 60)
