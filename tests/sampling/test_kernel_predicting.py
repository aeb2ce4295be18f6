"""``pkn.sample`` and the commands of its networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

import pkn
from pkn.cli.evaluate_sampler import MEASURES
from pkn.io.tensors import to_pictures
from pkn.nets.models.int8 import quantized
from pkn.nets.models.kernel_predicting import KernelPredictingNet, KernelPredictingSettings
from pkn.nets.models.squeezenet import SqueezeNet
from pkn.nets.models.unet import UNET_SETTINGS, UNetSettings
from pkn.nets.registry import to_config
from pkn.nets.weights import read_header, to_bytes
from pkn.plotting.image_grid import make_grid
from pkn.pretrained import weights_folder
from pkn.sampling.guidance import LAST, guided
from pkn.sampling.kernel_predicting import find_sampler, states

TINY = KernelPredictingSettings(24, 3, width=16, blocks=1, heads=2, hidden=16, decoder=(8, 8), head_width=8, drift=4)


def network():
    torch.manual_seed(0)
    return KernelPredictingNet(TINY).eval()


def write(net, path, about):
    arrays = {name: values.numpy() for name, values in net.state_dict().items()}
    path.write_bytes(to_bytes(to_config(net), arrays, about))
    return path


@pytest.fixture
def weights(tmp_path):
    return write(network(), tmp_path / "tiny.safetensors", {})


@pytest.fixture
def cats(tmp_path):
    folder = tmp_path / "cats"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(40):
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


PHOTO = np.random.default_rng(2).random((24, 24, 3), np.float32)
LEFT = np.tile(np.arange(24) < 9, (24, 1))


@pytest.mark.parametrize("solver", ["ancestral", "euler", "heun"])
def test_known_pixels_are_kept_and_the_others_painted(solver):
    images = pkn.sample(network(), 2, steps=3, rng=0, solver=solver, image=PHOTO, mask=LEFT)
    np.testing.assert_allclose(images[:, LEFT], np.stack([PHOTO[LEFT]] * 2), atol=1e-6)
    assert np.abs(images[0] - images[1])[~LEFT].max() > 0.01
    assert np.abs(images[0] - pkn.sample(network(), 1, steps=3, rng=0, solver=solver)[0])[~LEFT].max() > 1e-3


def test_a_photograph_is_noised_up_to_the_strength():
    drawn = np.random.default_rng(4).spawn(1)[0].standard_normal((3, 24, 24), np.float32).transpose(1, 2, 0)
    for strength in (0.25, 1.0):
        first, *_ = states(network(), 1, steps=2, rng=4, image=PHOTO, strength=strength)
        assert first.t == strength
        wanted = (1 - strength) * (2 * PHOTO - 1) + strength * drawn
        np.testing.assert_allclose(2 * first.z[0] - 1, wanted, atol=1e-5)
    first, *_ = states(network(), 1, steps=2, image=PHOTO)
    assert first.t == 0.5


def test_integers_are_fractions_and_each_image_may_have_its_own():
    photos = np.random.default_rng(3).integers(0, 256, (2, 24, 24, 3)).astype(np.uint8)
    options = {"steps": 1, "rng": 0, "solver": "euler"}
    both = pkn.sample(network(), 2, image=photos, **options)
    np.testing.assert_allclose(both, pkn.sample(network(), 2, image=photos / 255, **options), atol=1e-5)
    np.testing.assert_allclose(both[0], pkn.sample(network(), 1, image=photos[0], **options)[0], atol=1e-5)


def test_between_two_seeds_lie_images_of_as_strong_noise():
    options = {"steps": 2, "solver": "euler"}
    images = pkn.sample(network(), 5, between=(3, 8), **options)
    for place, seed in ((0, 3), (-1, 8)):
        np.testing.assert_allclose(images[place], pkn.sample(network(), 1, rng=seed, **options)[0], atol=1e-5)
    first, *_ = states(network(), 5, between=(3, 8), **options)
    np.testing.assert_allclose((2 * first.z - 1).std((1, 2, 3)), 1, atol=0.05)
    steps = np.linalg.norm(np.diff(first.z, axis=0).reshape(4, -1), axis=1)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)


def test_the_callback_hears_each_step_and_can_stop(monkeypatch):
    monkeypatch.setattr("pkn.sampling.kernel_predicting.BATCH", 2)
    heard = []
    pkn.sample(network(), 3, steps=2, rng=0, callback=lambda done, total, info: heard.append((done, total, info)))
    assert [(done, total) for done, total, _ in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert heard[0][2]["state"].predicted.shape == (2, 24, 24, 3)

    def stop(done, total, info):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        pkn.sample(network(), 3, steps=2, callback=stop)


def test_half_precision_is_near():
    whole, half = (pkn.sample(network(), 2, steps=2, rng=0, solver="euler", half=half) for half in (False, True))
    assert np.abs(whole - half).max() < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": LEFT}, "mask is given without an image"),
        ({"strength": 0.5}, "strength is 0.5 without an image"),
        ({"image": PHOTO, "strength": 0}, "strength is 0; expected more than 0"),
        ({"image": PHOTO[:20]}, r"image has shape \(20, 24, 3\); expected \(24, 24, 3\)"),
        ({"image": np.full_like(PHOTO, np.nan)}, "image has values that aren't finite"),
        ({"image": PHOTO, "mask": LEFT[:9]}, "mask has shape"),
        ({"between": (1, 2)}, "solver is 'ancestral'"),
        ({"between": (1, 2, 3), "solver": "euler"}, "expected two seeds"),
    ],
)
def test_starts_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        pkn.sample(network(), 2, steps=2, **options)


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


def test_command_paints_a_masked_part_of_a_photograph(run, weights, tmp_path):
    photo, mask, out = tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / "out.png"
    Image.fromarray(np.rint(255 * PHOTO).astype(np.uint8)).save(photo)
    Image.fromarray(255 * LEFT.astype(np.uint8)).save(mask)
    result = run("sample", weights, out, "-n", 1, "--steps", 2, "--image", photo, "--mask", mask, "--half")
    assert result.exit_code == 0, result.output
    wanted = make_grid(np.rint(255 * PHOTO).astype(np.uint8)[None])
    grid = np.asarray(Image.open(out))
    kept = make_grid(np.repeat(LEFT[None, ..., None], 3, -1).astype(np.uint8))[..., 0] == 1
    np.testing.assert_allclose(grid[kept].astype(int), wanted[kept].astype(int), atol=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{weights}", "out.png", "--mask", "{weights}"], "cannot read"),
        (["{weights}", "out.png", "--between", "1", "2"], "solver is 'ancestral'"),
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


def test_a_unet_is_trained_sampled_and_measured_beside(run, cats, squeezenet, tmp_path, monkeypatch):
    monkeypatch.setattr("pkn.cli.evaluate_sampler.CURVE", {"euler": (1,)})
    monkeypatch.delitem(MEASURES, "denoising")  # BM3D takes seconds
    monkeypatch.setitem(UNET_SETTINGS, "small", UNetSettings(width=8, multipliers=(1, 2), window=3, heads=0))
    out = tmp_path / "net.safetensors"
    arguments = ["--config", "unet", "--steps", 2, "--batch", 2, "--check-minutes", 0]
    result = run("train-sampler", "--data", cats, "--out", out, *arguments)
    assert result.exit_code == 0, result.output
    images = pkn.sample(out, 2, steps=2, rng=0)
    assert images.shape == (2, 24, 24, 3)
    np.testing.assert_allclose(pkn.sample(out, 1, steps=2, rng=0), images[:1], atol=1e-5)
    measured = ["-n", 8, "--steps", 2, "--curve-n", 8]
    result = run("evaluate-sampler", out, "--data", cats, "--features", squeezenet, *measured)
    assert result.exit_code == 0, result.output
    assert "Steps and quality" in result.output
    assert "int8" not in result.output
    for command in (
        ["sample", out, tmp_path / "a.png", "--explain", tmp_path / "why"],
        ["sample", out, "a.png", "--int8"],
    ):
        result = run(*command)
        assert result.exit_code == 1
        assert "model is a UNet; expected a KernelPredictingNet for --" in result.output


@pytest.fixture
def with_guiding(run, weights, tmp_path):
    """The path of :func:`weights` with a guiding network, and that network."""
    torch.manual_seed(1)
    worse = KernelPredictingNet(replace(TINY, width=8, hidden=8)).eval()
    guiding, out = write(worse, tmp_path / "worse.safetensors", {"length": "short"}), tmp_path / "guided.safetensors"
    result = run("export", weights, out, "--guiding", guiding)
    assert result.exit_code == 0, result.output
    return out, worse


def as_network_takes_it(z):
    return torch.from_numpy(z).permute(0, 3, 1, 2) * 2 - 1


def test_guidance_goes_away_from_the_guiding_network_while_noise_is_strong(with_guiding):
    path, worse = with_guiding
    net = find_sampler(path)
    assert read_header(path)["about"]["guiding"] == {"length": "short"}
    plain, by_default, far = (list(states(net, 1, steps=5, rng=0, solver="euler", guidance=g)) for g in (1, None, 3))
    z, one = as_network_takes_it(plain[0].z), torch.ones(1)
    with torch.inference_mode():
        good, bad = network()(z, one), worse(z, one)
    for path_of, factor in ((plain, 1), (by_default, 2), (far, 3)):
        wanted = to_pictures(bad + factor * (good - bad)).clip(0, 1)
        np.testing.assert_allclose(path_of[0].predicted, wanted, atol=2e-3)  # weights are stored in float16
    assert plain[-1].t < LAST
    late = as_network_takes_it(plain[-1].z)
    torch.testing.assert_close(guided(net, late, plain[-1].t, 3), net(late, plain[-1].t * one), rtol=0, atol=0)


def test_command_is_guided(run, with_guiding, tmp_path):
    pictures = []
    for factor in ([], ["--guidance", 2], ["--guidance", 1]):
        result = run("sample", with_guiding[0], tmp_path / "a.png", "-n", 1, "--steps", 2, *factor)
        assert result.exit_code == 0, result.output
        pictures.append((tmp_path / "a.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_guided_network_guides_without_its_own_guiding_one(run, with_guiding, tmp_path):
    out = tmp_path / "again.safetensors"
    result = run("export", with_guiding[0], out, "--guiding", with_guiding[0])
    assert result.exit_code == 0, result.output
    net = find_sampler(out)
    assert net.guiding.guiding is None
    torch.testing.assert_close(net.guiding.patches.weight, net.patches.weight)


def test_the_guiding_network_is_quantised_and_has_no_part_in_a_prediction(with_guiding):
    path, _ = with_guiding
    net, z = find_sampler(path), torch.zeros(1, 3, 24, 24)
    torch.testing.assert_close(net(z, torch.ones(1)), network()(z, torch.ones(1)), atol=2e-3, rtol=0)
    rough = quantized(net).guiding
    assert rough.patches.weight.dtype == torch.int8
    assert rough.time.weight.dtype == rough.drift.last.weight.dtype == torch.float32


@pytest.mark.parametrize("factor", [-1, float("nan"), float("inf")])
def test_guidance_that_is_no_factor(with_guiding, factor):
    with pytest.raises(ValueError, match=f"guidance is {factor}; expected a number from 0 on"):
        pkn.sample(with_guiding[0], 1, steps=1, guidance=factor)


def test_guidance_needs_a_guiding_network_for_the_same_images(run, weights, tmp_path):
    with pytest.raises(ValueError, match="guidance is 2; expected 1 for a network that has no guiding one"):
        pkn.sample(weights, 1, steps=1, guidance=2)
    with pytest.raises(ValueError, match=r"guiding is for images of \(size, channels\) \(16, 3\); expected \(24, 3\)"):
        replace(TINY, guiding=replace(TINY, size=16))
    unet = weights_folder() / "cold" / "mnist-blur.safetensors"
    result = run("export", weights, tmp_path / "out.safetensors", "--guiding", unet)
    assert result.exit_code == 1
    assert "networks are KernelPredictingNet and UNet; expected KernelPredictingNet for both" in result.output
    assert not (tmp_path / "out.safetensors").exists()


def test_networks_of_other_restorers_are_no_samplers():
    with pytest.raises(
        ValueError, match=r"mnist-blur.safetensors' restores from Blur; expected a network of pkn train"
    ):
        pkn.sample(weights_folder() / "cold" / "mnist-blur.safetensors", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "net.pt"], "expected a name that ends in .safetensors"),
        (["--config", "huge"], "--config is 'huge'; expected one of published, medium, small, guiding"),
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
