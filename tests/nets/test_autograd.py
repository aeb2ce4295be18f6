"""apply_filter: the Numba core and the reference in plain torch agree in values and gradients."""

import sys

import numpy as np
import pytest
import torch
from maps import draw_maps

from pkn.filters import FILTERS, FreeKernel, JointBilateral, LumaChromaPyramid, NonLocalMeans, Pyramid
from pkn.nets import apply_filter
from pkn.nets.autograd import function, reference
from pkn.nets.map_net.architecture import is_guide

SETTINGS = {
    NonLocalMeans: {"patch_radius": 1},
    JointBilateral: {"features": 2},
    Pyramid: {"features": 2},
    LumaChromaPyramid: {"features": 2},
}
CASES = [kind(2, **SETTINGS.get(kind, {})) for kind in FILTERS]
CASES += [FreeKernel(2, normalization="tanh")]
DEEP = {"radius_z": 1, "spacing": (1.5, 1.0, 0.8)}
DEEP_CASES = [kind(2, **SETTINGS.get(kind, {}), **DEEP) for kind in FILTERS if kind.deep]
DEEP_CASES += [FreeKernel(2, normalization="tanh", **DEEP), CASES[0].__class__(2, causal=True, border_z="wrap", **DEEP)]
SLOTS = np.array([[1, 0, 2], [-1, 2, 0]])


def agree(flt, image, maps, slots=None):
    """Values and gradients of the core are those of the reference."""
    random = np.random.default_rng(2)
    core, expected = apply_filter(flt, image, maps, slots), reference.apply(flt, image, maps, slots=slots)
    v_out = torch.tensor(random.standard_normal(core.shape))
    torch.testing.assert_close(core, expected, rtol=1e-12, atol=1e-12)
    ours, oracle = (torch.autograd.grad(out, (image, *maps), v_out) for out in (core, expected))
    for ours_one, oracle_one in zip(ours, oracle, strict=True):
        torch.testing.assert_close(ours_one, oracle_one, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("flt", CASES, ids=str)
def test_core_and_reference_agree_in_values_and_gradients(flt):
    random = np.random.default_rng(0)
    image = torch.tensor(random.random((2, flt.channels or 2, 7, 9)), requires_grad=True)
    agree(flt, image, draw_maps(flt, random, 2, 7, 9))


@pytest.mark.parametrize("flt", DEEP_CASES, ids=str)
def test_core_and_reference_agree_on_stacks(flt):
    random = np.random.default_rng(0)
    image = torch.tensor(random.random((3, flt.channels or 2, 7, 9)), requires_grad=True)
    maps = draw_maps(flt, random, 3, 7, 9)
    agree(flt, image, maps)
    if not flt.causal:  # slots have the places of a window with planes on both sides
        few = {name: m if is_guide(name) else m[:2].detach().requires_grad_() for name, m in maps._asdict().items()}
        agree(flt, image, flt.Maps(**few), SLOTS)


def test_gradients_pass_torch_gradcheck():
    flt = CASES[0]
    random = np.random.default_rng(1)
    image = torch.tensor(random.random((1, 2, 4, 5)), requires_grad=True)
    maps = draw_maps(flt, random, 1, 4, 5)
    assert torch.autograd.gradcheck(lambda x, *m: apply_filter(flt, x, flt.Maps(*m)), (image, *maps))


def test_a_tensor_on_another_device_takes_the_reference():
    flt = CASES[0]
    image = torch.empty((1, 1, 5, 6), device="meta")
    out = apply_filter(flt, image, flt.Maps(*(torch.empty((1, 1, 5, 6), device="meta") for _ in flt.ranges)))
    assert out.device.type == "meta"
    assert out.shape == image.shape


def test_a_gpu_without_triton_takes_the_reference(monkeypatch):
    monkeypatch.delattr("pkn.nets.autograd.triton_filters", raising=False)
    monkeypatch.setitem(sys.modules, "pkn.nets.autograd.triton_filters", None)
    assert function.single_on.__wrapped__("cuda") is reference.single


def test_the_reference_trains_after_inference():
    flt = CASES[0]
    image, maps = torch.ones((1, 1, 3, 11)), flt.Maps(*(torch.ones((1, 1, 3, 11)) for _ in flt.ranges))
    with torch.inference_mode():
        reference.apply(flt, image, maps)
    reference.apply(flt, image.requires_grad_(), maps).sum().backward()


@pytest.mark.parametrize(("shape", "dtype"), [((1, 1, 5, 5), torch.float32), ((1, 1, 5, 6), torch.float64)])
def test_maps_that_do_not_fit_are_named(shape, dtype):
    flt, image = CASES[0], torch.zeros((1, 1, 5, 6))
    with pytest.raises(ValueError, match=r"map sigma_space is .* expected torch.float32"):
        apply_filter(flt, image, flt.Maps(*(torch.ones(shape, dtype=dtype) for _ in flt.ranges)))
