"""Helpers beside the tests (naive, maps, folders, sources) are imported by their bare names.

pytest's importlib mode keeps the tests' folder off the path.
"""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pkn.cli import main

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def run():
    """The command line: ``run(*arguments)`` gives click's result."""
    runner = CliRunner()
    return lambda *arguments: runner.invoke(main, [str(a) for a in arguments])


@pytest.fixture
def small_parts(monkeypatch):
    """Images of more than 1000 pixels go from file to file, in small parts."""
    from pkn.io import large_tiff
    from pkn.restoration import large_images

    monkeypatch.setattr(large_tiff, "LARGE", 1000)
    monkeypatch.setattr(large_images, "PART", 96)
    monkeypatch.setattr(large_images, "BAND", 50)
