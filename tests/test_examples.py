"""Every example runs as a user would run it, and writes what it says."""

import subprocess
import sys
from pathlib import Path

import published
import pytest

from pkn.filters import LumaChromaPyramid

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
PYRAMID = {f"{name}.png" for name in LumaChromaPyramid().Maps._fields}
WRITES = {
    "augment": {"augmented.png"},
    "cold_diffusion": {"algorithm_1.png", "algorithm_2.png"},
    "demo": {"clean.png", "denoised.png", "noisy.png", "residual.png", "sheet.png", *PYRAMID},
    "dask_volume": {"clean.zarr", "volume.zarr"},
    "debias_swiss_roll": {"roll.png"},
    "deconvolve": {"deconvolved.png"},
    "denoise_photo": {"denoised.png"},
    "evidence": {"plain-units.png", "why-this-pixel.png"},
    "export_maps": {"maps.npz", "maps.tif", "sigma_range.png", "sigma_space.png"},
    "sample_cats": {"cats.gif", "cats.png", "explained.png"},
    "upsample": {"upsampled.png"},
    "wavelet_denoise": {"wavelet_denoised.png"},
    "wavelet_inpainting": {"wavelet_inpainted.png"},
    "wavelet_super_resolution": {"wavelet_super_resolved.png"},
}
MORE = {  # a second argument: without it the example can't run, or runs for long
    "sample_cats": "3",
    **{f"wavelet_{name}": published.FOLDER for name in ("denoise", "inpainting", "super_resolution")},
}
SLOW = ("augment",)


@pytest.mark.parametrize(
    "script", [pytest.param(path, marks=[pytest.mark.slow] * (path.stem in SLOW), id=path.stem) for path in EXAMPLES]
)
def test_example(script, tmp_path):
    assert len(script.read_text().splitlines()) < 60
    more = [MORE[script.stem]] if script.stem in MORE else []
    if None in more:
        pytest.skip(published.REASON)
    subprocess.run([sys.executable, "-W", "error", script, tmp_path, *more], check=True, cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == WRITES[script.stem]
