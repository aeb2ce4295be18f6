"""The wheel installs `pkn` and nothing else. Slow, because pip builds it in an environment of its own."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_holds_pkn_and_no_other_top_level_name(tmp_path):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"pkn", f"pkn-{wheel.name.split('-')[1]}.dist-info"}
    assert {"pkn/__init__.py", "pkn/py.typed", "pkn/filters/_window.py", "pkn/nets/__init__.py"} <= names
    assert any(name.startswith("pkn/weights/") for name in names)
