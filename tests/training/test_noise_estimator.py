"""The regression of noise levels: examples, fitting, files."""

import numpy as np
import pytest
from skimage import data

from pkn.io.images import ImageFile, write_image
from pkn.nets.weights import read_header, read_tensors
from pkn.pretrained import weights_folder
from pkn.restoration.noise_statistics import LEVELS
from pkn.training import noise_estimator
from pkn.training.noise_estimator import FEATURE_NOISE, draw_example, fit, train_noise_estimator


@pytest.mark.parametrize("sensor", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_examples_are_decided_by_their_seed(channels, sensor):
    images = [data.astronaut()[..., :channels], data.coffee()[..., :channels]]
    one, two = (draw_example(images, np.random.default_rng(5), sensor) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
    assert one[1].size == LEVELS * (2 if channels == 3 else 1)


def test_a_quantile_of_what_may_be_is_fitted(monkeypatch):
    """Targets that no feature tells, spread evenly: the fit is their quantile."""
    monkeypatch.setattr(noise_estimator, "STEPS", 800)
    random = np.random.default_rng(0)
    targets = random.random((2000, 1)).astype(np.float32)
    features = np.zeros((2000, 3), np.float32)
    assert FEATURE_NOISE > 0
    weights, _ = fit(features, targets, 0.8, seed=0, feature_noise=FEATURE_NOISE)
    values = np.zeros(3, np.float32)
    for layer in (0, 2, 4):
        values = weights[f"{layer}.weight"] @ (np.maximum(values, 0) if layer else values) + weights[f"{layer}.bias"]
    assert values[0] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("name", ["noise", "sensor"])
def test_command_writes_what_the_package_reads(run, tmp_path, monkeypatch, name):
    monkeypatch.setattr(noise_estimator, "STEPS", 50)
    (tmp_path / "images").mkdir()
    write_image(tmp_path / "images" / "a.png", ImageFile((data.camera()[:128, :128],)))
    out, options = tmp_path / "n.safetensors", ["--sensor"] if name == "sensor" else []
    result = run("train-noise-estimator", "--data", tmp_path / "images", "--out", out, "--examples", 30, *options)
    assert result.exit_code == 0, result.output
    bundled = read_tensors(weights_folder() / "estimators" / f"{name}-grey.safetensors")
    written = read_tensors(out)
    assert {name: values.shape for name, values in written.items()} == {
        name: values.shape for name, values in bundled.items()
    }
    assert read_header(out)["about"]["examples"] == 30
    assert train_noise_estimator.__doc__


def test_bundled_ones_say_how_they_were_made():
    for name in ("noise-grey", "noise-rgb", "sensor-grey", "sensor-rgb"):
        about = read_header(weights_folder() / "estimators" / f"{name}.safetensors")["about"]
        assert about["examples"] >= 10_000
        assert about["error"] < 0.25
