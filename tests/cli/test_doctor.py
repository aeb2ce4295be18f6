"""``pkn doctor``: what it prints is so, and its self-test fails where results are wrong."""

import os
import platform
from importlib.metadata import version

import numpy as np
import pytest

import pkn
from pkn.cli import _environment, _self_test
from pkn.filters.engine.compile import cache_folder
from pkn.restoration.parameter_maps import ParameterMaps


def test_it_prints_what_a_bug_report_needs(run):
    result = run("doctor")
    assert result.exit_code == 0, result.output
    for text in (pkn.__version__, platform.python_version(), version("numba"), version("numpy"), "any-noise", "good"):
        assert text in result.output
    assert "WRONG" not in result.output
    assert str(cache_folder()[0]) in result.output


def test_the_self_test_finds_wrong_results(run, monkeypatch):
    monkeypatch.setattr(ParameterMaps, "apply", lambda self, image, **_: np.asarray(image))
    result = run("doctor")
    assert result.exit_code == 1
    assert "the self-test failed: denoise grey, denoise RGB" in result.output


def test_the_self_test_finds_values_that_are_not_finite(monkeypatch):
    monkeypatch.setattr(ParameterMaps, "apply", lambda self, image, **_: np.full_like(image, np.nan))
    assert [check.good for check in _self_test.checks() if check.name.startswith("denoise")] == [False, False]


def test_missing_packages_are_named(run, monkeypatch):
    required = ("numpy>=1", "no-such-package>=2", 'not-this>=1; extra == "raw"', 'dask[array]>=1; extra == "zarr"')
    monkeypatch.setattr(_environment, "_requirements", lambda: required)
    result = run("doctor")
    assert result.exit_code == 1
    assert "no-such-package can't be found" in result.output
    assert "not installed: not-this" in result.output
    assert _environment._extras() == {"raw": ["not-this"], "zarr": ["dask"]}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_said(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert "not writable" in dict(_environment.sections())["kernel cache"][0][1]


def test_a_file_in_the_way_of_the_folder_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert "not writable" in dict(_environment.sections())["kernel cache"][0][1]
    assert not cache_folder()[1]
