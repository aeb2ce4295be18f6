"""Algorithm 2, super-resolution, and `pkn wavelet-sample`, by networks whose answers are known."""

import numpy as np
import published
import pytest
import torch
from folders import our_folder
from PIL import Image

import pkn
from pkn.degradations.linear_operators import BlockMeans
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
from pkn.plotting.image_grid import make_grid
from pkn.sampling.implicit_prior import ImplicitPriorSettings
from pkn.sampling.inverse_problems import consistency
from pkn.wavelets.haar_transform import haar_levels
from pkn.wavelets.models import WaveletModel
from pkn.wavelets.sampling import DETAILS, stretched, wavelet_samples

FEW_STEPS = ImplicitPriorSettings(0.1)


class Blurring(torch.nn.Module):
    """Smooth images are clean: what a low pass takes away from the last channels is noise."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, inputs):
        y = inputs[:, -self.channels :]
        waves = torch.fft.rfft2(y.float())
        waves[..., 2:-1, :] = waves[..., 2:] = 0
        return y - torch.fft.irfft2(waves, s=y.shape[2:])


class GaussianDetails(torch.nn.Module):
    """The noise of details that are white and Gaussian, of this deviation: it knows no more than their mean square."""

    def __init__(self, deviation):
        super().__init__()
        self.variance = deviation**2

    def forward(self, inputs):
        y = inputs[:, 1:]
        noise = (y.square().mean((1, 2, 3), keepdim=True) - self.variance).clamp_min(0)
        return y * noise / (noise + self.variance)


def model(scales=2):
    return WaveletModel(Blurring(1), [Blurring(3)] * scales)


def linear(inputs, outputs, part):
    """A BiasFreeCNN that takes a part of the last channels for noise."""
    net = BiasFreeCNN(BiasFreeSettings(inputs, outputs, 2 * outputs, (1, 1)))
    up, down = (layer.weight.data.zero_()[..., 0, 0] for layer in net.layers)
    for band in range(outputs):
        up[band, inputs - outputs + band] = 1
        down[band, band] = part
    return net.eval()


@pytest.fixture
def folder(tmp_path):
    return our_folder(tmp_path / "nets", WaveletModel(linear(1, 1, 0.005), [linear(4, 3, 0.9)] * 2))


class Failing(Blurring):
    """Finds NaN in images whose first pixel begins above 0."""

    def forward(self, inputs):
        noise = super().forward(inputs)
        self.bad = getattr(self, "bad", inputs[:, 0, 0, 0] > 0)
        return noise.masked_fill(self.bad[:, None, None, None], torch.nan) if len(noise) == len(self.bad) else noise


def test_a_chain_that_fails_leaves_the_others(run, folder, tmp_path, monkeypatch):
    failing = WaveletModel(Failing(1), [Blurring(3)])
    found = wavelet_samples(failing, 6, size=32, rng=1, low=FEW_STEPS)
    good = ~failing.low.bad.numpy()
    assert 0 < good.sum() < 6
    np.testing.assert_array_equal(found.converged, good)
    np.testing.assert_array_equal(
        found.images[good], wavelet_samples(model(1), 6, size=32, rng=1, low=FEW_STEPS).images[good]
    )
    with pytest.raises(ValueError, match=f"{(~good).sum()} of 6 chains don't converge"):
        pkn.wavelet_sample(WaveletModel(Failing(1), [Blurring(3)]), 6, size=32, rng=1, low=FEW_STEPS)
    monkeypatch.setattr("pkn.wavelets.sampling.LOW", FEW_STEPS)
    monkeypatch.setattr("pkn.wavelets.models.find_wavelet_model", lambda *_: WaveletModel(Failing(1), [Blurring(3)]))
    result = run("wavelet-sample", tmp_path / "x.png", "--weights", folder, "-n", 6, "--size", 32, "--rng", 1)
    assert result.exit_code == 0, result.output
    assert f"{(~good).sum()} of 6 chains didn't converge, and were left out" in result.output
    assert f"{good.sum()} images" in result.output


@pytest.mark.parametrize("scales", [0, 1, 2])
def test_images_and_their_low_pass(scales):
    found = wavelet_samples(model(scales), 3, size=32, rng=1, low=FEW_STEPS)
    assert found.images.shape == (3, 32, 32)
    assert found.images.dtype == np.float32
    assert found.steps.shape == (3, 1 + scales)
    low, _ = haar_levels(torch.from_numpy(found.images)[:, None], scales, "published")
    assert low.amin((1, 2, 3)).abs().max() < 1e-5
    assert (low.amax((1, 2, 3)) - 0.8).abs().max() < 1e-5
    assert np.abs(found.images[0] - found.images[1]).max() > 0.1


def test_seeds_decide_and_company_does_not():
    options = {"size": 16, "low": FEW_STEPS}
    many = pkn.wavelet_sample(model(), 10, rng=4, threads=2, **options)
    for n in (1, 3):
        np.testing.assert_allclose(pkn.wavelet_sample(model(), n, rng=4, **options), many[:n], atol=1e-4)
    assert np.abs(many[:1] - pkn.wavelet_sample(model(), 1, rng=5, **options)).max() > 0.1


@pytest.mark.parametrize("levels", [1, 2])
def test_super_resolved_images_have_the_given_means(levels):
    given = np.random.default_rng(0).random((6, 9), np.float32)
    found = pkn.wavelet_super_resolve(given, model(), 10, levels=levels, rng=0)
    assert found.shape == (10, 6 * 2**levels, 9 * 2**levels)
    measured = torch.from_numpy(given)[None, None]
    images = torch.from_numpy(found)[:, None]
    assert consistency(BlockMeans(2**levels), images, measured).max() <= 1e-5
    low, _ = haar_levels(images, levels, "published")
    torch.testing.assert_close(low, measured.expand_as(low), rtol=0, atol=1e-5)
    again = pkn.wavelet_super_resolve(given, model(), 2, levels=levels, rng=0)
    np.testing.assert_allclose(again, found[:2], atol=1e-4)


def test_deviation_is_that_of_the_prior():
    """Details that are independent and Gaussian given the low-pass, of 0.1: each pixel's deviation is sqrt(3) 0.1."""
    prior = WaveletModel(None, [GaussianDetails(0.1)])
    low, n = np.full((16, 16), 0.5, np.float32), 60
    found = pkn.wavelet_super_resolve(low, prior, n, levels=1, rng=0, return_std=True)
    np.testing.assert_allclose(found.mean, found.samples.mean(0), atol=1e-6)
    assert np.sqrt((found.std**2).mean()) == pytest.approx(0.1 * 3**0.5, rel=0.02)
    error = np.abs(found.mean - 0.5)
    assert np.mean(error < 2 * found.std / n**0.5) == pytest.approx(0.95, abs=0.06)
    with pytest.raises(ValueError, match="n is 1; expected at least 2"):
        pkn.wavelet_super_resolve(low, prior, 1, levels=1, return_std=True)


def test_progress_ends_at_the_end():
    reports = []

    def note(done, total, info):
        reports.append((done, total))
        assert info["sigma"].max() > 0

    wavelet_samples(model(), 9, size=16, rng=0, low=FEW_STEPS, callback=note)
    assert {total for _, total in reports} == {27}
    done = [done for done, _ in reports]
    assert done[0] < 1
    assert 20 < done[-1] <= 27


def test_stretching():
    images = torch.tensor([[[[1.0, 3.0]]], [[[2.0, 2.0]]]])
    torch.testing.assert_close(stretched(images), torch.tensor([[[[0, 0.8]]], [[[0.0, 0.0]]]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pkn.wavelet_sample(model(), size=30), "size is 30; expected a multiple of 4"),
        (lambda: pkn.wavelet_sample(model(), size=0), "size is 0"),
        (lambda: pkn.wavelet_sample(model(), 0), "n is 0; expected a whole number, 1 or more"),
        (lambda: pkn.wavelet_sample(model(), 1, threads=0), "threads is 0"),
        (lambda: pkn.wavelet_sample("nowhere", 1), "'nowhere' holds no multi-scale model"),
        (lambda: pkn.wavelet_super_resolve(np.zeros(3), model()), r"image has shape \(3,\); expected \(H, W\)"),
        (lambda: pkn.wavelet_super_resolve(np.full((3, 3), np.nan), model()), "no finite value"),
        (lambda: pkn.wavelet_super_resolve(np.zeros((3, 3)), model(), levels=3), "levels is 3; expected 1 to 2"),
        (
            lambda: pkn.wavelet_sample(model(), 2, size=16, low=ImplicitPriorSettings(most=3)),
            r"2 of 2 chains don't converge \(steps of one, from the coarsest scale on: \[3, \d+, \d+\]\)",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_command_writes_a_grid(run, folder, tmp_path):
    out = tmp_path / "faces.png"
    result = run("wavelet-sample", out, "--weights", folder, "-n", 3)
    assert result.exit_code == 0, result.output
    assert "faces.png: 3 images; steps, from the coarsest scale on: " in result.output
    assert np.asarray(Image.open(out)).shape == make_grid(np.zeros((3, 160, 160, 1), np.uint8)).shape[:2]
    assert "scale on: 1 to 1; " in result.output  # noise of 0.005 of the image is little enough
    more = ("-n", 1, "--fixed", "--half", "--threads", 1)
    result = run("wavelet-sample", tmp_path / "mine.png", "--weights", folder, *more)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "mine.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "{tmp}"], "holds no multi-scale model"),
        (["--weights", "{nets}", "-n", "0"], "n is 0; expected a whole number"),
    ],
)
def test_command_refuses_in_one_line(run, folder, tmp_path, arguments, message):
    out = tmp_path / "faces.png"
    result = run("wavelet-sample", out, *(argument.format(tmp=tmp_path, nets=folder) for argument in arguments))
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not out.exists()


@published.needed
def test_the_authors_model_draws_and_sharpens():
    """It converges; and of a disc's means of 2 x 2 pixels it makes a better image than bicubic interpolation does."""
    found = wavelet_samples(published.FOLDER, 1, size=64, rng=0, half=True)
    assert 90 < found.steps.min() <= found.steps.max() < 250
    rows, columns = np.indices((64, 64)) - 32
    clean = (0.2 + 0.6 / (1 + np.exp((np.hypot(rows, columns) - 20) / 0.5))).astype(np.float32)
    low = haar_levels(torch.from_numpy(clean)[None, None], 1, "published")[0][0, 0].numpy()
    mean = pkn.wavelet_super_resolve(low, published.FOLDER, 2, levels=1, rng=0, half=True, details=DETAILS).mean(0)
    bicubic = np.asarray(Image.fromarray(low).resize((64, 64), Image.Resampling.BICUBIC))
    assert np.mean((mean - clean) ** 2) < np.mean((bicubic - clean) ** 2)
