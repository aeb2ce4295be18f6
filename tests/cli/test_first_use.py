"""The first use compiles kernels: it is said, once, and another process compiles the filter's."""

import os
import subprocess
import sys
import time

import pytest
from skimage import data

from pkn.cli import _first_use
from pkn.filters.engine import compile as engine
from pkn.io.images import ImageFile, write_image


def denoise(source, target, cache):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pkn", "denoise", str(source), str(target)],
        env=environment | {"XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.parametrize("rgb", [False, True])
def test_the_first_use_says_so_and_the_second_compiles_nothing(tmp_path, rgb):
    image = data.astronaut()[:200, :300]
    write_image(tmp_path / "in.png", ImageFile((image if rgb else image[..., 0].copy(),)))
    said, seconds = denoise(tmp_path / "in.png", tmp_path / "a.png", tmp_path / "cache")
    assert said.count("compiling kernels, once") == 1
    said, again = denoise(tmp_path / "in.png", tmp_path / "b.png", tmp_path / "cache")
    assert said == ""
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    print(f"first {seconds:.1f} s, then {again:.1f} s")


def test_a_process_is_started_only_where_nothing_is_compiled(monkeypatch):
    started = []
    monkeypatch.setattr(_first_use.subprocess, "Popen", lambda command, **_: started.append(command) or "process")
    monkeypatch.setattr(engine, "awaited", {})
    monkeypatch.setattr(_first_use.os, "cpu_count", lambda: 2)
    for cold, number in ((False, 0), (True, 1), (True, 1)):  # the last: it is running already
        monkeypatch.setattr(engine, "cache_is_cold", lambda cold=cold: cold)
        _first_use.compile_beside("any-noise", 3)
        assert len(started) == number
    assert started[0][-2:] == ["any-noise", "3"]
    assert set(engine.awaited) == set(_first_use.FILTERS)


def test_what_the_process_does_is_to_compile_the_filter():
    for net, channels in (("any-noise", 3), ("bilateral", 1)):
        _first_use.compile_filter(net, channels)


def test_it_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr(_first_use, "_said", [])
    monkeypatch.setattr(engine, "on_compiling", [])
    for _ in range(2):
        _first_use.announce_compiling()
    assert len(engine.on_compiling) == 1
    for _ in range(2):
        engine.on_compiling[0]()
    assert capsys.readouterr().err == "compiling kernels, once ...\n"
