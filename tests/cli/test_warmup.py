"""``pkn warmup``: afterwards nothing is compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from skimage import data

from pkn.cli import _first_use, warmup
from pkn.io.images import ImageFile, write_image


def pkn(*arguments, cache):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-m", "pkn", *map(str, arguments)]
    done = subprocess.run(command, env=environment | {"XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_after_it_nothing_is_compiled(tmp_path):
    said = pkn("warmup", cache=tmp_path / "cache").stdout
    compiled = set(Path(tmp_path, "cache").rglob("*.nbc"))
    assert f": {len(compiled)} kernels" in said
    image = data.astronaut()[:400, :500]
    for name, pixels in (("rgb", image), ("grey", image[..., 0].copy())):
        write_image(tmp_path / f"{name}.png", ImageFile((pixels,)))
        done = pkn("denoise", tmp_path / f"{name}.png", tmp_path / f"{name}-out.png", cache=tmp_path / "cache")
        assert done.stderr == ""
    assert set(Path(tmp_path, "cache").rglob("*.nbc")) == compiled


def test_each_network_is_used_and_each_filter_compiled(run, monkeypatch):
    done = []
    monkeypatch.setattr(warmup, "_run", done.append)
    assert run("warmup", "--net", "bilateral", "--net", "pyramid").exit_code == 0
    wanted = {
        (kind, net, channels)
        for kind in ("use_net", "compile_filter")
        for net in ("bilateral", "pyramid")
        for channels in (1, 3)
    }
    assert set(done) == wanted
    assert len(done) == len(wanted)


def test_it_fails_where_a_process_does(run, monkeypatch):
    monkeypatch.setattr(_first_use, "PROGRAM", "raise SystemExit('broken {0}')")
    result = run("warmup")
    assert result.exit_code == 1
    assert "compiling for 'any-noise', 1 channels, failed: broken use_net" in result.output


def test_an_unknown_network_is_one_error(run):
    result = run("warmup", "--net", "bilatral")
    assert result.exit_code == 1
    assert "did you mean 'bilateral'" in result.output
