"""Wheel and source archive hold all of `pkn` and no other top-level name. Slow: pip builds and installs for minutes."""

import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from sources import MODULES, ROOT

pytestmark = pytest.mark.slow


def pip(*arguments, python=sys.executable):
    subprocess.run([python, "-m", "pip", "--quiet", *map(str, arguments)], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "-w", folder, ROOT)
    return next(folder.glob("*.whl"))


def files():
    """Names in the wheel of all modules and weights."""
    modules = {
        name.replace(".", "/") + ("/__init__.py" if file.stem == "__init__" else ".py"): file
        for name, file in MODULES.items()
    }
    return {*modules, *(str(path.relative_to(ROOT)) for path in (ROOT / "pkn" / "weights").rglob("*.safetensors"))}


def test_the_wheel_holds_all_of_pkn_and_no_other_top_level_name(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"pkn", f"procedural_kernels-{wheel.name.split('-')[1]}.dist-info"}
    assert files() | {"pkn/py.typed"} <= names


def test_the_source_archive_makes_the_same_wheel(wheel, tmp_path):
    pip("install", "build", "--target", tmp_path / "build")
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(tmp_path / "build"), "PATH": "/usr/bin:/bin"})
    archive = next(tmp_path.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        assert not [member.name for member in tar if member.issym()]  # Windows has no use for links
    pip("wheel", "--no-deps", "-w", tmp_path, archive)
    (again,) = tmp_path.glob("*.whl")
    names = [{name for name in zipfile.ZipFile(path).namelist() if "dist-info" not in name} for path in (wheel, again)]
    assert names[0] == names[1]


def test_the_wheel_denoises_in_an_empty_environment(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip("install", wheel, python=python)
    noisy = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "in.png")
    subprocess.run([python, "-m", "pkn.cli", "denoise", "in.png", "out.png"], check=True, cwd=tmp_path)
    assert np.asarray(Image.open(tmp_path / "out.png")).std() < 5
