"""bfloat16 is used where it is wanted and the processor has it, and nowhere else."""

import pytest
import torch

from pkn.nets import bfloat16


@pytest.mark.parametrize(("wanted", "computed_in"), [(True, torch.bfloat16), (False, torch.float32)])
def test_wanted(monkeypatch, wanted, computed_in):
    assert dtype(monkeypatch, wanted, "AVX512") == computed_in


def test_processors_without_it_say_so_once(monkeypatch, recwarn):
    assert [dtype(monkeypatch, True, "AVX2") for _ in range(2)] == [torch.float32] * 2
    assert ["no bfloat16" in str(warning.message) for warning in recwarn] == [True]


@pytest.fixture(autouse=True)
def forget():
    bfloat16._cpu_has_bfloat16.cache_clear()
    yield
    bfloat16._cpu_has_bfloat16.cache_clear()


def dtype(monkeypatch, wanted, capability):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    with bfloat16.half_precision("cpu", wanted):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
