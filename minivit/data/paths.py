"""Paths as people give them."""

from pathlib import Path


def at_home(path):
    """The path, with the home folder for a ~ that the shell has left there, as in --out=~/runs."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody
        return Path(path)
