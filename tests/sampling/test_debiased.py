"""Stage 1 and stage 2 of debiased kernel density estimates, for a restorer that is known; and the command."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pkn.degradations.kinds import CameraNoise, Desaturation
from pkn.nets.models.unet import UNetSettings
from pkn.sampling.cold_model import ColdModel
from pkn.sampling.debiased import debiased_samples, debiasing_states, smoother
from pkn.sampling.stochastic_approximation import falling

NOISE = CameraNoise(gain=0.0, read=0.75, steps=30)  # up to 1.5 in [-1, 1]


class Shrinking(nn.Module):
    """The best restorer of N(0, 1) pixels: x / (1 + b^2), with b = 1.5 t / T."""

    settings = UNetSettings(size=8, channels=1)

    def forward(self, x, t):
        return x / (1 + (1.5 * t[:, None, None, None]) ** 2)


@pytest.fixture
def model():
    return ColdModel(Shrinking(), NOISE)


def test_smoother_knows_noise_levels(model):
    x = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(smoother(model)(x, 0.9), x / (1 + 0.9**2))


def test_second_stage_undoes_the_first_where_smoothing_is_linear(model):
    """H(x) = x / (1 + b^2) at b = 1, so x* = 2 times stage 1's image; the noise in the steps averages out."""
    seeds, options = torch.full((4000, 1, 1, 1), 0.8), {"levels": (1, 1), "steps": 300, "rate": falling(2.0)}
    states = list(debiasing_states(smoother(model), seeds, 1.0, torch.Generator().manual_seed(0), **options))
    assert float(states[0].mean()) == pytest.approx(0.4, abs=0.02)  # 0.8 / 2, with noise of 1 / 2
    assert float(states[-1].mean()) == pytest.approx(0.8, abs=0.06)
    assert float((states[-1] - 2 * states[0]).std()) < 0.2


def test_levels_of_the_right_size_give_the_data_back(model):
    """For N(0, 1) and alpha = 1, b^2 = sqrt(2) - 1: stage 2's limit is the probability flow, whose variance is 1."""
    b, generator = (2**0.5 - 1) ** 0.5, torch.Generator().manual_seed(0)
    seeds = torch.randn(20_000, 1, 1, 1, generator=generator)
    options = {"levels": (b, b), "steps": 400, "rate": falling(2.0)}
    states = list(debiasing_states(smoother(model), seeds, 1.0, generator, **options))
    assert float(states[0].var()) == pytest.approx(0.5, rel=0.03)
    assert float(states[-1].var()) == pytest.approx(1.0, rel=0.03)


def test_as_a_differential_equation_it_keeps_its_noise(model):
    """As above, h = 1 / 2; around x* the variance is sde^2 / 2h = sde^2, and 0.25 dt / 2h more of the draws of H."""
    seeds, sde, dt = torch.zeros(4000, 1, 1, 1), 0.3, 0.05
    options = {"levels": (1, 1), "steps": 400, "rate": lambda k: dt, "sde": sde}
    states = list(debiasing_states(smoother(model), seeds, 1.0, torch.Generator().manual_seed(0), **options))
    assert float((states[-1] - 2 * states[0]).var()) == pytest.approx(sde**2 + 0.25 * dt, rel=0.06)


def test_samples_are_clipped_and_the_same_in_threads(model):
    seeds = torch.randn(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    one, two = (debiased_samples(model, seeds, 0.5, rng=3, threads=threads, steps=2) for threads in (1, 2))
    assert len(one) == 3
    assert all(part.shape == seeds.shape and float(part.abs().max()) <= 1 for part in one)
    for first, second in zip(one, two, strict=True):
        torch.testing.assert_close(first, second)
    assert not torch.equal(one[-1], debiased_samples(model, seeds, 0.5, rng=4, steps=2)[-1])


@pytest.mark.parametrize(
    ("degradation", "options", "message"),
    [
        (Desaturation(), {}, "expected CameraNoise with a gain of 0"),
        (CameraNoise(), {}, "expected CameraNoise with a gain of 0"),
        (NOISE, {"alpha": 2.0}, r"noise level is 2.0; expected one in \(0, 1.5\]"),
        (NOISE, {"levels": (1.0, 0.5)}, r"levels is \(1.0, 0.5\); expected two noise levels above 0, the lower first"),
        (NOISE, {"levels": (0.8, 1.6)}, "expected one in"),
        (NOISE, {"sde": -0.1}, "sde is -0.1; expected a standard deviation, 0 or more"),
        (NOISE, {"steps": -1}, "steps is -1; expected a whole number, 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(degradation, options, message):
    options = {"alpha": 1.0, "steps": 40} | options
    with pytest.raises(ValueError, match=message):
        debiased_samples(ColdModel(Shrinking(), degradation), torch.zeros(2, 1, 8, 8), **options)


@pytest.mark.parametrize("channels", [1, 3])
def test_command_writes_a_grid(run, tmp_path, monkeypatch, channels):
    """With hardly any noise a sample is its seed, and the training image nearest to it too."""
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, channels), np.uint8)
        Image.fromarray(pixels.squeeze()).save(tmp_path / f"{number}.png")
    model = ColdModel(Shrinking(), NOISE)
    model.net.settings = UNetSettings(size=8, channels=channels)
    monkeypatch.setattr("pkn.sampling.cold_model.find_cold_model", lambda name: model)
    out = tmp_path / "grid.png"
    result = run("sample-debiased", "mine", out, "--data", tmp_path, "-n", 5, "--steps", 0, "--alpha", 0.01)
    assert result.exit_code == 0, result.output
    with Image.open(out) as grid:
        assert grid.width / grid.height == pytest.approx((12 * 10 - 2) / (2 * 10 - 2))
        shown = np.asarray(grid.reduce(grid.width // 118))
    np.testing.assert_array_equal(shown[:8, :8], shown[:8, 30:38])
    refused = run("sample-debiased", "mine", out, "--data", tmp_path, "--alpha", 7)
    assert refused.exit_code == 1
    assert "noise level is 7.0" in refused.output
