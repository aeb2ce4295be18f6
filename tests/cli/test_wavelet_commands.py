"""``pkn wavelet-sample`` and ``pkn wavelet-super-resolve``: the library's images as grids, and refusals in one line."""

import numpy as np
import pytest
import torch
from folders import our_folder

from pkn.io.images import ImageFile, read_image, write_image
from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings
from pkn.plotting.image_grid import make_grid
from pkn.wavelets.models import WaveletModel
from pkn.wavelets.sampling import wavelet_super_resolve


@pytest.fixture
def folder(tmp_path):
    """Networks of new weights, whose kernels on noise are means: chains end."""
    torch.manual_seed(0)
    low, details = (BandKernels(BandKernelSettings(*ends, width=4, depth=1)) for ends in ((1, 1), (4, 3)))
    return our_folder(tmp_path / "nets", WaveletModel(low.eval(), [details.eval()]))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.png"
    write_image(path, ImageFile((np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8),)))
    return path


@pytest.mark.parametrize("mean", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_super_resolution_is_the_library(run, folder, small, tmp_path, mean):
    out = tmp_path / "large.png"
    result = run(
        "wavelet-super-resolve", small, out, "--weights", folder, "-n", 3, "--levels", 1, *["--mean"][: int(mean)]
    )
    if result.exit_code:  # new weights promise no convergence; the library must say the same
        with pytest.raises(ValueError, match="converge"):
            wavelet_super_resolve(read_image(small).pages[0], folder, 3, levels=1, rng=0, threads=2)
        assert "converge" in result.output
        return
    images = wavelet_super_resolve(read_image(small).pages[0], folder, 3, levels=1, rng=0, threads=2)
    wanted = make_grid(np.clip(images.mean(0, keepdims=True) if mean else images, 0, 1)[..., None])
    assert np.abs(read_image(out).pages[0].astype(int) - wanted[..., 0]).max() <= 1


def test_deviation_of_super_resolution_is_written(run, small, tmp_path, monkeypatch):
    prior = WaveletModel(lambda low: low, [lambda inputs: inputs[:, 1:]])
    monkeypatch.setattr("pkn.wavelets.models.find_wavelet_model", lambda *_: prior)
    std = tmp_path / "std.tif"
    options = ["--weights", tmp_path, "-n", 3, "--levels", 1, "--std", std]
    result = run("wavelet-super-resolve", small, tmp_path / "large.png", *options)
    assert result.exit_code == 0, result.output
    samples = wavelet_super_resolve(read_image(small).pages[0], prior, 3, levels=1, rng=0, threads=2)
    np.testing.assert_allclose(read_image(std).pages[0], samples.std(0, ddof=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("wavelet-sample", ["out.png", "--weights", "nowhere"], "holds no multi-scale model"),
        ("wavelet-sample", ["out.png", "--weights", "{folder}", "-n", "0"], "n is 0; expected a whole number"),
        ("wavelet-sample", ["out.png", "--weights", "{folder}", "--size", "7"], "size is 7; expected a multiple of"),
        ("wavelet-super-resolve", ["{small}", "out.png", "--weights", "{folder}", "--levels", "9"], "levels is 9"),
    ],
)
def test_refusals_are_one_line(run, folder, small, tmp_path, monkeypatch, name, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere").mkdir()
    result = run(name, *(str(argument).format(folder=folder, small=small) for argument in arguments))
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_colours_are_refused(run, folder, tmp_path):
    write_image(tmp_path / "rgb.png", ImageFile((np.zeros((8, 8, 3), np.uint8),)))
    result = run("wavelet-super-resolve", tmp_path / "rgb.png", tmp_path / "out.png", "--weights", folder)
    assert result.exit_code == 1
    assert "has colours; expected a grey image" in result.output
