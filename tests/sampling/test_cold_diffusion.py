"""Cold diffusion: one loop for all degradations, what linear algebra undoes, starts from nothing, tables, commands."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pkn.degradations.kinds import Animorphosis, Blur, Desaturation, Inpainting, Noise, SuperResolution
from pkn.nets.models.unet import UNet, UNetSettings
from pkn.nets.registry import to_config
from pkn.nets.weights import read_header, to_bytes
from pkn.sampling.cold_diffusion import generated, restorations, start, states
from pkn.sampling.cold_model import ColdModel, find_cold_model
from pkn.sampling.terminal_distribution import fit_terminal_distribution

TINY = UNetSettings(12, 1, width=8, multipliers=(1, 2), expansion=1, window=3, heads=0)


class Known(torch.nn.Module):
    """A restorer that knows the answer, or another answer that it is given."""

    def __init__(self, answer, settings=TINY):
        super().__init__()
        self.answer, self.settings = answer, settings

    def forward(self, x, t):
        return self.answer.expand_as(x)


def bars(number=60, seed=0):
    """Horizontal and vertical bars somewhere in squares of 12 px, and which of the two they are."""
    random = np.random.default_rng(seed)
    images = np.full((number, 12, 12, 1), 20, np.uint8)
    places = random.integers(0, 10, number)
    for image, place, upright in zip(images, places, np.arange(number) % 2, strict=True):
        image[(slice(None), slice(place, place + 2)) if upright else slice(place, place + 2)] = 230
    return images, np.arange(number) % 2


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "mnist-bars.npz"
    images, labels = bars(400)
    test, test_labels = bars(60, seed=1)
    np.savez(path, train_images=images, train_labels=labels, test_images=test, test_labels=test_labels)
    return path


def noise(number=3, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (number, 1, 12, 12)).astype(np.float32))


DEGRADATIONS = [
    Blur((1.0,) * 6, 5),
    Inpainting(1.0, 0.4, 6),
    SuperResolution(2),
    Noise(6),
    Animorphosis(6, noise(4, seed=5)),
    Desaturation(5),
]


@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("algorithm", ["algorithm_2", "algorithm_1"])
def test_a_perfect_restorer_recovers_the_image(degradation, algorithm):
    x = noise()
    model = ColdModel(Known(x), degradation)
    (_, found) = restorations(model, x, [(algorithm, None)])
    torch.testing.assert_close(found, x, rtol=0, atol=1e-5)


def test_algorithm_2_forgives_any_restorer_on_a_straight_way():
    x = noise(9).reshape(3, 3, 12, 12)
    model = ColdModel(Known(torch.full((1, 3, 1, 1), 0.3)), Desaturation(5))
    grey, algorithm_2, algorithm_1 = restorations(model, x, [("algorithm_2", None), ("algorithm_1", None)])
    torch.testing.assert_close(algorithm_2, grey)  # a grey answer adds and removes nothing
    assert float((algorithm_1 - grey).abs().max()) > 0.5


def test_eight_bits_are_256_values():
    x = noise()
    model = ColdModel(Known(x), Desaturation(5))
    exact, rounded = (restorations(model, x, [], eight_bits=eight)[0] for eight in (False, True))
    levels = (rounded + 1) * 127.5
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert 0 < float((rounded - exact).abs().max()) <= 1 / 255 + 1e-6


def test_estimated_noise_is_ddim():
    """With a perfect restorer, the noise estimated is the noise that was mixed in: the state stays on its path."""
    x, degradation = noise(), Noise(8)
    degrade = degradation.sample(x, torch.Generator().manual_seed(3))
    for state in states(ColdModel(Known(x), degradation), degrade(x, 8), degrade, algorithm="estimated"):
        torch.testing.assert_close(state.x.float(), degrade(x, state.t), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "third"}, "algorithm is 'third'; expected one of algorithm_2, algorithm_1, estimated"),
        ({"algorithm": "estimated"}, "expected algorithm_2 or algorithm_1 for Blur"),
        ({"steps": 0}, "steps is 0; expected a whole number, 1 or more"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        next(states(ColdModel(Known(noise()), Blur((1.0,))), noise(), lambda x, t: x, **options))


def test_more_steps_than_blurs():
    model = ColdModel(Known(noise()), Blur((1.0,) * 4), regularization=0.1)
    with pytest.raises(ValueError, match="steps is 5; expected at most 4"):
        next(states(model, noise(), lambda x, t: x, steps=5))


@pytest.mark.parametrize("border", ["mirror", "wrap"])
def test_little_blur_is_inverted(border):
    x, blur = noise(), Blur((0.5,) * 3, 5, border)
    degrade = blur.sample(x, torch.Generator())
    t = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(blur.regularized_inverse(degrade(x, t), t, 1e-6), x, rtol=0, atol=1e-3)


def test_what_blur_took_entirely_stays_away():
    x, blur = noise(), Blur((3.0,) * 30, 7, "wrap", to_mean=True)
    inverse = blur.regularized_inverse(blur.sample(x, torch.Generator())(x, 30), 30, 1e-3)
    torch.testing.assert_close(inverse, x.mean((2, 3), keepdim=True).expand_as(x), rtol=0, atol=1e-4)


def test_noise_is_amplified_no_more_than_the_regularization_allows():
    blur, regularization = Blur((2.0,) * 10, 7), 0.01
    assert float(blur.regularized_inverse(noise(), 10, regularization).square().sum().sqrt()) <= float(
        noise().square().sum().sqrt()
    ) / (2 * regularization)


def test_the_network_gets_the_regularized_inverse():
    class Echo(Known):
        def forward(self, x, t):
            return x

    x, blur = noise(), Blur((0.5,) * 3, 5)
    degrade = blur.sample(x, torch.Generator())
    model = ColdModel(Echo(x), blur, regularization=1e-6)
    torch.testing.assert_close(model.restore(degrade(x, 3), 3), x, rtol=0, atol=1e-3)
    assert float((replace(model, regularization=None).restore(degrade(x, 3), 3) - x).abs().max()) > 0.1
    with pytest.raises(ValueError, match="expected none for Noise, only for Blur"):
        ColdModel(Echo(x), Noise(), regularization=0.1)
    with pytest.raises(ValueError, match="regularization is 0; expected a number above 0"):
        ColdModel(Echo(x), blur, regularization=0)


def test_terminal_distributions_have_the_images_means_and_covariances():
    random = np.random.default_rng(0)
    base = random.multivariate_normal([90, 150, 120], [[400, 300, 0], [300, 400, 0], [0, 0, 100]], 3000)
    images = np.clip(base[:, None, None] + random.normal(0, 20, (3000, 8, 8, 3)), 0, 255).astype(np.uint8)
    terminal = fit_terminal_distribution(Blur((2.0,) * 9, 5, "wrap", to_mean=True), images)
    drawn = terminal.draw(20_000, 8, torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 3, 8, 8)
    torch.testing.assert_close(drawn, drawn[..., :1, :1].expand_as(drawn))
    found, wanted = drawn[:, :, 0, 0].numpy(), images.mean((1, 2)) / 127.5 - 1
    np.testing.assert_allclose(found.mean(0), wanted.mean(0), atol=0.005)
    np.testing.assert_allclose(np.cov(found.T), np.cov(wanted.T), atol=0.002)


def test_terminal_distributions_of_super_resolution_are_grids():
    images, _ = bars(500)
    terminal = fit_terminal_distribution(SuperResolution(2), images)
    assert terminal.side == 3
    assert np.shape(terminal.roots) == (1, 9, 9)
    assert fit_terminal_distribution(Noise(), images) is None


def test_starts_from_nothing_are_what_is_left_at_the_end():
    others = noise(4, seed=5)
    for degradation, left in (
        (Animorphosis(6, others), lambda x: min(float((x - other).abs().max()) for other in others)),
        (Inpainting(1.0, 0.3, 99, centred=True, coloured=True), lambda x: float(x.std())),
    ):
        x, _ = start(ColdModel(Known(noise()), degradation), 5, torch.Generator().manual_seed(0), noise=0)
        assert max(left(each) for each in x) < 1e-3
    x, _ = start(ColdModel(Known(noise()), Noise(6)), 500, torch.Generator().manual_seed(0))
    assert float(x.std()) == pytest.approx(1, abs=0.01)


def test_symmetry_is_broken_by_little_noise():
    terminal = fit_terminal_distribution(blur := Blur((2.0,) * 9, 5, "wrap", to_mean=True), bars()[0])
    model = ColdModel(Known(noise()), blur, terminal_distribution=terminal)
    deviations = [
        float(start(model, 300, torch.Generator().manual_seed(0), std)[0].std((2, 3)).mean()) for std in (0.0, 0.002)
    ]
    assert deviations == pytest.approx([0, 0.002], abs=1e-4)


def test_nothing_can_be_made_of_a_start_that_is_an_image():
    with pytest.raises(ValueError, match="leaves too much of an image"):
        generated(ColdModel(Known(noise()), Blur((1.0,))), 3)


def test_more_images_than_a_batch(monkeypatch):
    monkeypatch.setattr("pkn.sampling.cold_diffusion.BATCH", 2)
    made = generated(ColdModel(Known(noise(1)), Noise(3)), 5, threads=2, noise=0.0)
    torch.testing.assert_close(made, noise(1).expand(5, 1, 12, 12), rtol=0, atol=1e-5)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr("pkn.nets.models.unet.UNET_SETTINGS", {"small": TINY})


def test_trained_measured_and_sampled(run, tmp_path, data, tiny):
    out, grid = tmp_path / "net.safetensors", tmp_path / "grid.png"
    common = ("--data", data, "--grey", "--no-mirror", "--steps", 12, "--minutes", 5, "--threads", 1)
    blurred = ("--degradation", "blur", "--schedule", "generation", "--set", "deviations=[1,2,3,4]", "--floor", 0.02)
    result = run("train-cold", *common, *blurred, "--out", out, "--check-minutes", 0)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "net-samples.png").exists()
    model = find_cold_model(out)
    assert model.degradation == Blur((1, 2, 3, 4), 27, "wrap", to_mean=True)
    assert model.regularization == 0.02
    assert model.terminal_distribution.side == 1
    assert generated(model, 3, rng=1).shape == (3, 1, 12, 12)

    result = run("evaluate-cold", out, "--data", data, "-n", 50)
    assert result.exit_code == 0, result.output
    assert "Algorithm 2" in result.output
    result = run("evaluate-cold", out, "--data", data, "-n", 50, "--generate")
    assert result.exit_code == 0, result.output
    assert "symmetry not broken" in result.output

    for options in ((), ("--data", data, "--strips"), ("--algorithm", "algorithm_1", "--steps", 2)):
        grid.unlink(missing_ok=True)
        result = run("sample-cold", out, grid, "-n", 4, *options)
        assert result.exit_code == 0, result.output
        with Image.open(grid) as image:
            assert image.mode == "L"


def test_animorphosis_is_between_two_sets(run, tmp_path, data, tiny):
    np.savez(tmp_path / "other.npz", train_images=255 - bars()[0])
    out, others = tmp_path / "net.safetensors", ("--others", tmp_path / "other.npz")
    common = ("--data", data, "--grey", "--steps", 2, "--threads", 1, "--out", out)
    result = run("train-cold", *common, "--degradation", "animorphosis", "--schedule", "celeba", *others)
    assert result.exit_code == 0, result.output
    assert run("sample-cold", out, tmp_path / "grid.png", "-n", 2, *others).exit_code == 0
    result = run("sample-cold", out, tmp_path / "grid.png", "-n", 2)
    assert result.exit_code == 1
    assert "others is None" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train-cold", "--degradation", "rain"), "--degradation is missing or unknown for 'rain'"),
        (("train-cold", "--degradation", "camera"), "expected one of ours"),
        (("train-cold", "--degradation", "blur", "--schedule", "mars"), "preset is 'blur' for 'mars'"),
        (("train-cold", "--degradation", "blur", "--set", "steps"), "--set is 'steps'; expected NAME=VALUE"),
        (("train-cold", "--degradation", "blur", "--set", "steps=3"), "Blur has no number 'steps'"),
        (("train-cold", "--degradation", "blur", "--config", "huge"), "--config is 'huge'; expected one of"),
        (("train-cold", "--degradation", "blur", "--set", "side=4"), "side is 4; expected an odd whole number"),
        (("train-cold", "--degradation", "blur", "--floor", "0"), "regularization is 0.0; expected a number above 0"),
        (("train-cold", "--degradation", "blur", "--device", "gpu"), "--device is 'gpu', which can't be used"),
        (("train-cold", "--degradation", "blur", "--out", "NOWHERE"), "does not exist"),
        (("sample-cold", "mnist-blurr", "OUT"), "did you mean 'mnist-blur'"),
    ],
)
def test_errors_are_one_line(run, tmp_path, data, arguments, message):
    if arguments[0] == "train-cold":
        arguments = ("train-cold", "--out", tmp_path / "net.safetensors", "--data", data, "--grey", *arguments[1:])
    places = {"OUT": tmp_path / "out.png", "NOWHERE": tmp_path / "no" / "net.safetensors"}
    result = run(*(places.get(a, a) for a in arguments))
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert message in result.output


def test_a_run_may_begin_with_other_weights(run, tmp_path, data, tiny):
    common = ("--data", data, "--grey", "--threads", 1, "--degradation", "noise", "--schedule", "celeba")
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    assert run("train-cold", *common, "--steps", 5, "--out", first).exit_code == 0
    result = run("train-cold", *common, "--steps", 1, "--rate", 1e-9, "--start", first, "--out", second)
    assert result.exit_code == 0, result.output
    before, after = (find_cold_model(path).net.state_dict() for path in (first, second))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert read_header(second)["about"]["plan"]["start"] == "first.safetensors"
    result = run(
        "train-cold", *common, "--config", "kernels", "--start", first, "--out", tmp_path / "third.safetensors"
    )
    assert result.exit_code == 1
    assert "--start" in result.output


@pytest.mark.parametrize(
    "objective",
    [
        None,
        {"error": "absolute"},
        {"degradation": "abc", "ends": None, "floor": None},
        {"degradation": {"kind": "Noise", "steps": 0}, "ends": None, "floor": None},
        {"degradation": {"kind": "Noise", "steps": 5}, "ends": {"side": 1}, "floor": None},
        {"degradation": {"kind": "Noise", "steps": 5}, "ends": None, "floor": "x"},
    ],
)
def test_headers_that_tell_no_degradation(tmp_path, objective):
    net = UNet(TINY)
    path = tmp_path / "net.safetensors"
    arrays = {name: values.numpy() for name, values in net.state_dict().items()}
    path.write_bytes(to_bytes(to_config(net), arrays, {"plan": {"objective": objective}}))
    with pytest.raises(ValueError, match=f"cannot load '{path}' as a restorer of pkn train-cold"):
        find_cold_model(path)


@pytest.mark.parametrize("change", [{"multipliers": []}, {"width": 1 << 20}, {"size": "a"}])
def test_architectures_that_cant_be(tmp_path, change):
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes({**to_config(UNet(TINY)), **change}, {"x": np.zeros(1)}, {}))
    with pytest.raises(ValueError, match=f"cannot load '{path}' as a restorer"):
        find_cold_model(path)
