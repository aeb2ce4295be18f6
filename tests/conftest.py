"""Tests import their neighbour `naive` by its bare name: importlib mode keeps the tests' folder off the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
