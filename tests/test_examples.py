"""Every example runs as a user would run it, and writes what it says."""

import subprocess
import sys
from importlib.util import find_spec
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
    "dask_image_spots": {"spots.png"},
    "dask_volume": {"clean.zarr", "volume.zarr"},
    "debias_swiss_roll": {"roll.png"},
    "deconvolve": {"deconvolved.png"},
    "denoise_photo": {"denoised.png"},
    "evidence": {"plain-units.png", "why-this-pixel.png"},
    "export_maps": {"maps.npz", "maps.tif", "sigma_range.png", "sigma_space.png"},
    "plug_and_play_deblurring": {"plug_and_play.png"},
    "sample_cats": {"cats.gif", "cats.png", "explained.png"},
    "scikit_image_segmentation": {"coins.png"},
    "upsample": {"upsampled.png"},
    "wavelet_denoise": {"wavelet_denoised.png"},
    "wavelet_inpainting": {"wavelet_inpainted.png"},
    "wavelet_super_resolution": {"wavelet_super_resolved.png"},
    "xarray_coordinates": {"xarray.png"},
}
MORE = {  # a second argument: without it the example can't run, or runs for long
    "sample_cats": "3",
    **{f"wavelet_{name}": published.FOLDER for name in ("denoise", "inpainting", "super_resolution")},
}
NEEDS = {"dask_image_spots": "dask_image", "plug_and_play_deblurring": "deepinv"}
SLOW = ("augment",)


@pytest.mark.parametrize(
    "script", [pytest.param(path, marks=[pytest.mark.slow] * (path.stem in SLOW), id=path.stem) for path in EXAMPLES]
)
def test_example(script, tmp_path):
    assert len(script.read_text().split('"""', 2)[2].splitlines()) < 60  # below the text that the gallery shows
    more = [MORE[script.stem]] if script.stem in MORE else []
    if None in more:
        pytest.skip(published.REASON)
    if script.stem in NEEDS and not find_spec(NEEDS[script.stem]):
        pytest.skip(f"{NEEDS[script.stem]} isn't installed")
    subprocess.run([sys.executable, "-W", "error", script, tmp_path, *more], check=True, cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == WRITES[script.stem]


@pytest.mark.skipif(bool(find_spec("deepinv")), reason="deepinv is installed")
def test_an_example_without_its_library_says_so(tmp_path):
    script = next(path for path in EXAMPLES if path.stem == "plug_and_play_deblurring")
    ran = subprocess.run([sys.executable, script], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "pip install deepinv" in ran.stdout
    assert not list(tmp_path.iterdir())
