"""Published schedules, and degradations as JSON."""

import json

import numpy as np
import pytest
import torch

from pkn.degradations.kinds import (
    Blur,
    Inpainting,
)
from pkn.degradations.presets import PRESETS, build_degradation, find_preset, to_config, with_settings

OTHERS = torch.rand(5, 3, 20, 24, generator=torch.Generator().manual_seed(9)) * 2 - 1


def sampled(degradation, x, seed=0):
    return degradation.sample(x, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pair", PRESETS, ids=" ".join)
def test_presets(pair):
    x = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
    others = OTHERS[..., :20] if pair[0] == "animorphosis" else None
    preset = build_degradation(json.loads(json.dumps(to_config(find_preset(*pair)))), others)
    assert preset == find_preset(*pair)
    out = sampled(preset, x)(x, preset.steps)
    assert out.shape == x.shape
    assert out.isfinite().all()


def test_published_numbers():
    assert find_preset("blur", "mnist").deviations == (7.0,) * 40
    assert find_preset("blur", "cifar10").deviations[-1] == pytest.approx(0.84)
    assert find_preset("blur", "generation").deviations[299] == pytest.approx(np.exp(2.99))
    assert find_preset("snow", "cifar10").threshold == (1.15, 0.7)
    with pytest.raises(ValueError, match="preset is 'rain' for 'mnist'; expected one of blur mnist"):
        find_preset("rain", "mnist")


def test_every_number_can_be_another():
    other = with_settings(find_preset("inpainting", "mnist"), {"steps": 7, "start": 2.5})
    assert other == Inpainting(2.5, 0.1, 7)
    assert with_settings(Blur((1.0,)), {"deviations": [0.5, 1.5]}).steps == 2
    with pytest.raises(ValueError, match="Inpainting has no number 'stairs'; expected one of centred, coloured"):
        with_settings(Inpainting(), {"stairs": 7})
    with pytest.raises(ValueError, match="expected a kind of Animorphosis, Blur"):
        build_degradation({"kind": "Rain"})
    with pytest.raises(ValueError, match="others is a set of images; expected None for Noise"):
        build_degradation({"kind": "Noise"}, OTHERS)
