"""The cache of compiled kernels may be damaged, full or nowhere: that costs time, not the result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "import numpy as np; from pkn.filters import IsotropicGaussian as G; print(G(1)(np.ones((4, 5)), 1).sum())"
NOWHERE = "import pathlib\ndef home():\n    raise RuntimeError('no home')\npathlib.Path.home = home\n"
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"


def run(folder, first=""):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(folder)} if folder else {}
    if not folder:
        environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run([sys.executable, "-c", first + PROGRAM], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "20.0\n"
    return sorted(path for path in Path(folder).rglob("*.nb*")) if folder else []


@pytest.mark.slow  # it compiles three times
def test_cut_files_are_made_again(tmp_path):
    for suffix in (".nbi", ".nbc"):
        files = run(tmp_path)
        assert files
        for file in files:
            if file.suffix == suffix:
                file.write_bytes(file.read_bytes()[:60])
        before = {file: file.stat().st_size for file in files}
        assert any(size == 60 for size in before.values())
        assert run(tmp_path) == files
        assert all(file.stat().st_size > 60 for file in files)


def test_a_full_disk_does_not_matter(tmp_path):
    assert not [file for file in run(tmp_path, FULL) if file.stat().st_size > 1000]


def test_without_a_home_nothing_is_kept():
    run(None, NOWHERE)


def test_processes_that_begin_at_once_compile_each_kernel_once(tmp_path):
    counting = "from pkn.filters.engine.compile import on_compiling\non_compiling.append(lambda: print('compiles'))\n"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", counting + PROGRAM]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[0].split() for process in processes]
    assert [words[-1] for words in said] == ["20.0"] * 3
    kernels = {path.name.rsplit(".", 2)[0] for path in tmp_path.rglob("*.nbc")}
    assert sum(words.count("compiles") for words in said) == len(kernels) > 1
