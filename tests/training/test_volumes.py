"""Training on simulated volumes: what a step sees, what comes out, and that a run can be resumed."""

from dataclasses import replace

import numpy as np
import pytest

import pkn
from pkn.nets import load_predictor
from pkn.pretrained import find_net
from pkn.training.checkpoints import checkpoint_path
from pkn.training.volumes import VolumePlan, VolumeTraining, noisy_volume

PLAN = VolumePlan(steps=3, volumes=3, held_back=1, planes=5, side=32, size=24, batch=1)


def test_volumes_have_the_noise_of_photons():
    noisy, clean, apart = noisy_volume(np.random.default_rng(9), (6, 96, 96))  # without read noise
    assert 1 <= apart <= 4
    error = noisy - clean
    assert abs(error.mean()) < 0.005
    dim, bright = clean <= np.quantile(clean, 0.3), clean > np.quantile(clean, 0.95)
    assert error[bright].var() / error[dim].var() == pytest.approx(clean[bright].mean() / clean[dim].mean(), rel=0.1)


def weights_at_the_start(plan):
    return {name: values.numpy() for name, values in VolumeTraining(plan).net.state_dict().items()}


def test_a_network_begins_as_the_one_for_planes():
    weights = weights_at_the_start(PLAN)
    for name, values in find_net("any-noise", 1).first.weights.items():
        for prefix in ("", "second.") if name.startswith(("heads", "features")) else ("",):
            own, result = weights[prefix + name], len(values[0]) if values.ndim > 1 else None
            if prefix and name.startswith("features"):
                assert own.shape[1] == 2 * result
                assert not own[:, result:].any()  # the noisy planes
                own = np.ascontiguousarray(own[:, :result])
            assert own.shape[1:] == values.shape[1:]
            assert {row.tobytes() for row in values} <= {row.tobytes() for row in own}


def test_a_network_of_volumes_goes_on_as_it_was():
    weights = weights_at_the_start(replace(PLAN, start="volume"))
    bundled = find_net("volume", 1).weights
    assert weights.keys() == bundled.keys()
    for name, values in bundled.items():
        np.testing.assert_array_equal(weights[name], values)


def test_a_run_that_is_interrupted_goes_on_as_if_it_had_not_been(tmp_path):
    whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    VolumeTraining(PLAN).run(whole)

    def interrupt(done, total, info):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VolumeTraining(PLAN).run(part, interrupt)
    resumed = VolumeTraining(PLAN)
    resumed.resume(checkpoint_path(part))
    resumed.run(part)
    assert part.read_bytes() == whole.read_bytes()
    network = load_predictor(part)
    assert network.architecture.parameters < 20_000
    assert network.second is not None
    volume = np.random.default_rng(0).poisson(20, (3, 32, 40)).astype(np.float32)
    assert pkn.denoise(volume, part, depth_axis=0).std() < volume.std()
