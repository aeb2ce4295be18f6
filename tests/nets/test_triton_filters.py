"""Triton kernels agree with the reference in plain torch; without a GPU they run in Triton's interpreter."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the modules of kernels are imported
triton = pytest.importorskip("triton")

from maps import draw_maps  # noqa: E402

from pkn.filters import (  # noqa: E402
    FILTERS,
    AnisotropicGaussian,
    AnisotropicUpsampling,
    Bilateral,
    FreeKernel,
    JointBilateral,
    NonLocalMeans,
)
from pkn.nets.autograd import function, reference, triton_filters  # noqa: E402

ANY = [kind for kind in FILTERS if kind.channels is None]  # the others consist of these
CASES = [NonLocalMeans(1, patch_radius=1) if kind is NonLocalMeans else kind(1) for kind in ANY]
CASES += [
    FreeKernel(1, normalization="tanh"),
    FreeKernel(2),
    JointBilateral(2, "constant", features=2),
    NonLocalMeans(2, "wrap", patch_radius=0),
    AnisotropicUpsampling(2, "wrap", (1, 1.7)),
]
SOME = [Bilateral(1), JointBilateral(1), FreeKernel(1), NonLocalMeans(1, patch_radius=1), AnisotropicUpsampling(1)]


def draw(flt, channels, dtype=torch.float64, size=(7, 9), seed=0):
    random = np.random.default_rng(seed)
    image = torch.tensor(random.random((2, channels, *size)))
    maps = draw_maps(flt, random, 2, *size)
    image, *values = (v.detach().to(DEVICE, dtype).requires_grad_() for v in (image, *maps))
    return image, flt.Maps(*values)


def gradients(out, wanted):
    v_out = torch.from_numpy(np.random.default_rng(1).standard_normal(out.shape)).to(out)
    return torch.autograd.grad(out, wanted, v_out)


def assert_same(flt, image, maps, tolerance):
    ours, expected = reference.apply(flt, image, maps, triton_filters.single), reference.apply(flt, image, maps)
    torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance / 10)
    wanted = [values for values in (image, *maps) if values.requires_grad]
    for own, oracle in zip(gradients(ours, wanted), gradients(expected, wanted), strict=True):
        torch.testing.assert_close(own, oracle, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize(("channels", "dtype", "tolerance"), [(1, torch.float64, 1e-9), (3, torch.float32, 1e-4)])
@pytest.mark.parametrize("flt", CASES, ids=str)
def test_values_and_gradients_are_those_of_the_reference(flt, channels, dtype, tolerance):
    assert_same(flt, *draw(flt, channels, dtype), tolerance)


@pytest.mark.parametrize("flt", SOME, ids=str)
def test_an_image_of_several_tiles(flt, monkeypatch):
    monkeypatch.setattr(triton_filters, "ROWS", 4)
    monkeypatch.setattr(triton_filters, "COLUMNS", 4)
    assert_same(flt, *draw(flt, 2, size=(5, 6)), 1e-9)


@pytest.mark.parametrize("flt", SOME, ids=str)
def test_an_image_that_wants_no_gradient(flt):
    image, maps = draw(flt, 1, size=(3, 1))
    assert_same(flt, image.detach(), maps, 1e-9)


@pytest.mark.parametrize(
    ("flt", "extremes"),
    [
        (Bilateral(1), {"sigma_range": 0.0}),
        (Bilateral(1), {"sigma_space": 0.0}),
        (AnisotropicGaussian(1), {"kx": 1e18, "ky": 1e18}),
        (AnisotropicUpsampling(1, scale=3), {"kx": 1e3, "ky": 1e3}),
        (FreeKernel(1), {"logits": 1e4}),
    ],
    ids=str,
)
def test_extreme_maps_give_what_the_core_gives(flt, extremes):
    image, maps = draw(flt, 1, torch.float32)
    maps = maps._replace(**{name: torch.full_like(getattr(maps, name), value) for name, value in extremes.items()})
    core = function.apply_filter(flt, image.detach().cpu(), type(maps)(*(values.detach().cpu() for values in maps)))
    torch.testing.assert_close(triton_filters.single(flt, image, maps).detach().cpu(), core, rtol=1e-5, atol=1e-6)


def test_half_precision_takes_the_reference():
    flt = Bilateral(1)
    image, maps = draw(flt, 1, torch.bfloat16)
    torch.testing.assert_close(
        triton_filters.single(flt, image, maps), reference.single(flt, image, maps), rtol=0, atol=0
    )


def test_kernels_are_for_a_gpu_only():
    assert function.single_on("cuda") is triton_filters.single
    assert function.single_on("meta") is reference.single


def test_every_kernel_compiles_without_a_gpu(tmp_path):
    changed = {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, __file__], env=os.environ | changed, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.split()) == 9, ran.stdout


def compile_only(kernel, setting, tiled, *arguments):
    """Replacement of a launch: compile the kernel to machine code of an H100, and record its name."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = {torch.float32: "*fp32", torch.float64: "*fp64", torch.int32: "*i32"}
    given = dict(zip(kernel.arg_names, arguments, strict=False))
    fixed = {parameter.name for parameter in kernel.params if parameter.is_constexpr}
    constants = {name: value for name, value in given.items() if value is None or name in fixed} | setting._asdict()
    constants |= {"rows": triton_filters.ROWS, "columns": triton_filters.COLUMNS}
    signature = {
        name: "constexpr" if name in constants else "i32" if isinstance(given[name], int) else types[given[name].dtype]
        for name in kernel.arg_names
    }
    compiled = triton.compile(
        ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 90, 32), options=triton_filters.OPTIONS
    )
    assert compiled.asm["cubin"]
    COMPILED.add(kernel.__name__)


COMPILED: set[str] = set()

if __name__ == "__main__":
    triton_filters._launch = compile_only
    for each in CASES:
        drawn_image, drawn_maps = draw(each, 3, torch.float32)
        gradients(reference.apply(each, drawn_image, drawn_maps, triton_filters.single), (drawn_image, *drawn_maps))
        gradients(reference.apply(each, drawn_image.detach(), drawn_maps, triton_filters.single), drawn_maps)
    print(*sorted(COMPILED))
