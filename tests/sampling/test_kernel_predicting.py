"""``pkn.sample`` and the commands of its networks."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

import pkn
from pkn.nets.models.kernel_predicting import KernelPredictingNet, KernelPredictingSettings
from pkn.nets.models.squeezenet import SqueezeNet
from pkn.nets.registry import to_config
from pkn.nets.weights import to_bytes
from pkn.plotting.image_grid import make_grid
from pkn.sampling.kernel_predicting import states

TINY = KernelPredictingSettings(24, 3, width=16, blocks=1, heads=2, hidden=16, decoder=(8, 8), head_width=8, drift=4)


def network():
    torch.manual_seed(0)
    return KernelPredictingNet(TINY).eval()


@pytest.fixture
def weights(tmp_path):
    net = network()
    arrays = {name: values.numpy() for name, values in net.state_dict().items()}
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(to_bytes(to_config(net), arrays, {}))
    return path


@pytest.fixture
def cats(tmp_path):
    folder = tmp_path / "cats"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(30):
        image = gaussian_filter(random.random((24, 24, 3)), (2, 2, 0))
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture
def squeezenet(tmp_path):
    torch.manual_seed(0)
    net = SqueezeNet()
    path = tmp_path / "squeezenet.npz"
    np.savez(path, **{name: values.numpy() for name, values in net.state_dict().items()})
    return path


def test_images_are_decided_by_the_seed(weights):
    first, again, other = (pkn.sample(weights, n=2, steps=3, rng=seed) for seed in (5, 5, 6))
    assert first.shape == (2, 24, 24, 3)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1
    np.testing.assert_allclose(first, again, atol=1e-5)  # torch's convolutions may differ in the last bits
    assert np.abs(first - other).max() > 0.01


def test_the_last_state_is_the_sample():
    net = network()
    *_, last = states(net, 2, steps=4, rng=1)
    np.testing.assert_allclose(last.predicted, pkn.sample(net, 2, steps=4, rng=1), atol=1e-5)
    assert last.t == 0.25


def test_more_images_than_a_batch(monkeypatch):
    monkeypatch.setattr("pkn.sampling.kernel_predicting.BATCH", 2)
    assert pkn.sample(network(), n=5, steps=1).shape[0] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0; expected a whole number, 1 or more"),
        ({"steps": 2.5}, "steps is 2.5; expected a whole number"),
        ({"n": 0}, "n is 0; expected a whole number, 1 or more"),
        ({"solver": "rk4"}, "solver is 'rk4'; expected one of"),
        ({"model": "dogs"}, "model is 'dogs'; expected one of"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        pkn.sample(**({"model": network(), "n": 1, "steps": 2} | options))


@pytest.mark.parametrize("options", [[], ["--int8"], ["--solver", "heun"]])
def test_command_writes_a_grid_a_film_and_why(run, weights, tmp_path, options):
    out, film, why = tmp_path / "out.png", tmp_path / "out.gif", tmp_path / "why"
    result = run("sample", weights, out, "-n", 4, "--steps", 3, "--frames", film, "--explain", why, *options)
    assert result.exit_code == 0, result.output
    wanted = make_grid(np.zeros((4, 24, 24, 3), np.uint8)).shape
    assert np.asarray(Image.open(out)).shape == wanted
    with Image.open(film) as frames:
        assert frames.n_frames == 3
    assert sorted(path.name for path in why.iterdir()) == ["step-001.png", "step-002.png", "step-003.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dogs", "out.png"], "model is 'dogs'"),
        (["{weights}", "out.png", "--frames", "film.mp4"], "expected a name that ends in .gif"),
        (["{weights}", "out.png", "--steps", "0"], "steps is 0"),
    ],
)
def test_command_refuses_in_one_line(run, weights, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run("sample", *(argument.format(weights=weights) for argument in arguments))
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_train_sample_and_measure(run, cats, squeezenet, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("pkn.nets.models.kernel_predicting", fromlist=["SETTINGS"]).SETTINGS, "small", TINY)
    out, grid_file = tmp_path / "net.safetensors", tmp_path / "near.png"
    arguments = ["--perceptual", squeezenet, "--steps", 4, "--batch", 4, "--check-minutes", 0]
    result = run("train-sampler", "--data", cats, "--out", out, *arguments)
    assert result.exit_code == 0, result.output
    assert "4 steps" in result.output
    assert (tmp_path / "net-samples.png").exists()
    measured = ["-n", 8, "--steps", 2, "--denoised", 2, "--neighbours", grid_file]
    only = [part for name in ("distance", "int8", "denoising", "spectrum", "neighbours") for part in ("--only", name)]
    result = run("evaluate-sampler", out, "--data", cats, "--features", squeezenet, *measured, *only)
    assert result.exit_code == 0, result.output
    for said in ("Gaussian noise", "int8", "BM3D", "drift's energy", "nearest by pixels"):
        assert said in result.output
    assert grid_file.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "net.pt"], "expected a name that ends in .safetensors"),
        (["--config", "huge"], "--config is 'huge'; expected one of published, medium, small"),
        (["--resize", "27"], "size is 27; expected a multiple of 4"),
        (["--perceptual", "nowhere.npz"], "nowhere.npz"),
        (["--perceptual", "lpips"], "--perceptual is lpips, which isn't installed"),
        (["--resume"], "net.safetensors.checkpoint"),
    ],
)
def test_training_refuses_in_one_line(run, cats, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", cats, "--out", "net.safetensors", "--steps", "1", "--perceptual", "none", *options]
    result = run("train-sampler", *arguments)
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert not (tmp_path / "net.safetensors").exists()


def test_grids_are_squares_with_gaps():
    paper = make_grid(np.zeros((5, 100, 100, 3), np.uint8))
    assert paper.shape == (2 * (2 * 100 + 2), 2 * (3 * 100 + 4), 3)
    assert (paper[:200, :200] == 0).all()
    assert (paper[:, 200:204] == 255).all()
    assert (paper[-200:, -200:] == 255).all()


def test_images_too_small_for_features():
    net = SqueezeNet()
    assert len(net(torch.zeros(1, 3, 17, 17))) == 7
    with pytest.raises(ValueError, match=r"image has shape \(1, 3, 16, 20\); expected at least 17 x 17 pixels"):
        net(torch.zeros(1, 3, 16, 20))


@pytest.mark.parametrize("solver", ["euler", "ancestral"])
def test_an_image_is_decided_by_seed_and_place_alone(monkeypatch, solver):
    whole = pkn.sample(network(), 4, steps=2, rng=3, solver=solver)
    monkeypatch.setattr("pkn.sampling.kernel_predicting.BATCH", 3)
    parts = pkn.sample(network(), 5, steps=2, rng=3, solver=solver)
    np.testing.assert_allclose(parts[:4], whole, atol=1e-5)
