"""Wheel and source archive hold all of `pkn` and no other top-level name. Slow: pip builds and installs for minutes."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile

import numpy as np
import pytest
from PIL import Image
from sources import MODULES, ROOT

import pkn

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
    assert files() | {"pkn/py.typed", "pkn/napari/napari.yaml"} <= names


def test_the_source_archive_makes_the_same_wheel(wheel, tmp_path):
    pip("install", "build", "--target", tmp_path / "build")
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(tmp_path / "build"), "PATH": "/usr/bin:/bin"})
    archive = next(tmp_path.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        assert not [member.name for member in tar if member.issym()]  # Windows has no use for links
    pip("wheel", "--no-deps", "-w", tmp_path, archive)
    (again,) = tmp_path.glob("*.whl")
    contents = [{file.filename: file.CRC for file in zipfile.ZipFile(path).filelist} for path in (wheel, again)]
    for found in contents:
        found.pop(next(name for name in found if name.endswith("RECORD")))
    assert contents[0] == contents[1]


def test_licence_and_notice_travel_with_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as file:
        kept = {name.split("/")[-1] for name in file.namelist() if "/licenses/" in name}
        (metadata,) = (file.read(name).decode() for name in file.namelist() if name.endswith("/METADATA"))
        (points,) = (file.read(name).decode() for name in file.namelist() if name.endswith("/entry_points.txt"))
    assert kept == {"LICENSE", "NOTICE"}
    assert "procedural-kernels = pkn.napari:napari.yaml" in points
    assert "License-Expression: MIT" in metadata
    assert f"Version: {pkn.__version__}\n" in metadata


def test_the_wheel_denoises_in_an_empty_environment(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip("install", wheel, python=python)
    noisy = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "in.png")
    subprocess.run([python, "-m", "pkn.cli", "denoise", "in.png", "out.png"], check=True, cwd=tmp_path)
    assert np.asarray(Image.open(tmp_path / "out.png")).std() < 5


def test_bounds_that_are_tested_are_those_that_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = dict(text.split(">=") for text in project["dependencies"])
    lines = [line for line in (ROOT / "constraints-oldest.txt").read_text().splitlines() if not line.startswith("#")]
    tested = dict(line.split("==") for line in lines)
    tested.pop("scikit-image")
    assert tested.keys() == declared.keys()
    for name, bound in declared.items():
        assert f"{tested[name]}.".startswith(f"{bound}."), name
