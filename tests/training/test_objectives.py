"""Objectives of training: losses of networks whose errors are known."""

import numpy as np
import pytest
import torch

from pkn.degradations.kinds import Noise
from pkn.degradations.mixtures import interpolate
from pkn.nets.models.partition_pyramid import KernelMaps
from pkn.nets.models.unet import UNet
from pkn.sampling.cold_model import ColdModel
from pkn.training.objectives import NoiseObjective, cold_objective


def test_noise_and_image_are_at_the_ends_of_time():
    random = torch.Generator().manual_seed(0)
    x, noise = torch.rand(2, 3, 4, 4, generator=random), torch.randn(2, 3, 4, 4, generator=random)
    torch.testing.assert_close(interpolate(x, noise, torch.tensor([0.0, 1.0])), torch.stack([x[0], noise[1]]))
    torch.testing.assert_close(interpolate(x, noise, 0.75), 0.25 * x + 0.75 * noise)


class Predictions:
    """A network that errs by 0.3 and drifts by 0.5."""

    def predict(self, z, t):
        return KernelMaps([], [], [], torch.full_like(z, 0.5))

    def apply(self, z, maps):
        return torch.full_like(z, 0.3)


def loss_of(module=None, **changes):
    return float(NoiseObjective(**changes).loss(module)(Predictions(), torch.zeros(4000, 1, 8, 8), rng()))


def rng():
    return np.random.default_rng(0)


def test_the_loss_is_the_velocity_error():
    t = NoiseObjective().draw_times(4000, rng())
    assert loss_of(drift=0) == pytest.approx(float((0.09 / t.clamp_min(0.2) ** 2).mean()), rel=1e-5)
    assert loss_of(drift=0, weighting="none") == pytest.approx(0.09, rel=1e-5)
    drift = 0.1 * 0.25 * float((1 - t).mean())  # nothing in pure noise
    assert loss_of(drift=0.1, weighting="none") == pytest.approx(0.09 + drift, rel=1e-5)


class Paints(UNet):
    """A network without kernels that errs by 0.3."""

    def __init__(self):
        torch.nn.Module.__init__(self)

    def forward(self, image, t):
        return torch.full_like(image, 0.3)


def test_a_unet_has_the_same_loss_without_a_drift():
    loss = NoiseObjective(weighting="none").loss()(Paints(), torch.zeros(10, 1, 8, 8), rng())
    assert float(loss) == pytest.approx(0.09, rel=1e-5)


def test_times_are_logit_normal_or_uniform():
    logits = NoiseObjective(mean=-0.4, spread=1.2).draw_times(20_000, rng()).logit()
    assert [float(logits.mean()), float(logits.std())] == pytest.approx([-0.4, 1.2], abs=0.03)
    uniform = NoiseObjective(times="uniform").draw_times(20_000, rng())
    assert [float(uniform.mean()), float(uniform.std())] == pytest.approx([0.5, 12**-0.5], abs=0.01)


def test_the_perceptual_part_is_nothing_in_noise_and_grows_with_the_image():
    shapes = []

    def perceptual(image, truth):
        shapes.append(image.shape[2:])
        return torch.ones(len(image))

    t = NoiseObjective().draw_times(4000, rng())
    plain, more = (loss_of(perceptual, perceptual=weight, drift=0, weighting="none") for weight in (0, 1))
    assert more - plain == pytest.approx(float((1 - t / 0.6).clamp_min(0).mean()), rel=1e-4)
    assert shapes == [(11, 11)]


@pytest.mark.parametrize("change", [{"times": "normal"}, {"weighting": "snr"}], ids=str)
def test_unknown_objective(change):
    with pytest.raises(ValueError, match="expected one of"):
        NoiseObjective(**change)


@pytest.mark.parametrize(("error", "expected"), [("absolute", 0.25), ("squared", 0.0625)])
def test_the_loss_is_the_mean_error(error, expected):
    x = torch.zeros(5, 1, 8, 8)
    loss = cold_objective(ColdModel(None, Noise(4)), error)(
        lambda x, t: torch.full_like(x, 0.25), x, np.random.default_rng(0)
    )
    assert float(loss) == pytest.approx(expected)
