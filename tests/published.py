"""Where the published denoisers are, which are no part of the project: the variable PKN_PUBLISHED."""

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("PKN_PUBLISHED")
FILES = sorted(Path(FOLDER).glob("*/*/model.pt")) if FOLDER else []
REASON = "PKN_PUBLISHED names no folder of published denoisers"
needed = pytest.mark.skipif(FOLDER is None, reason=REASON)
each = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}")
