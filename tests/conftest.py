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
