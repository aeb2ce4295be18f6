"""Wavelet models of kernels: their networks, their maps, and their training."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import pkn
from pkn.filters import FreeKernel
from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings, noise_level
from pkn.nets.weights import read_header, read_tensors
from pkn.training.wavelet import MEAN_SQUARE, BandTask, band_tasks
from pkn.wavelets.bands import predict_bands, reconstruct, write_bands
from pkn.wavelets.haar_transform import haar_levels
from pkn.wavelets.models import WaveletModel, find_wavelet_model

DETAILS, LOW = BandKernelSettings(), BandKernelSettings(inputs=1, outputs=1)


def net(settings, seed=0):
    torch.manual_seed(seed)
    made = BandKernels(settings)
    torch.nn.init.normal_(made.head.weight, std=0.3)
    return made.eval()


@pytest.fixture(scope="module")
def model():
    return WaveletModel(net(LOW), [net(DETAILS, 1), net(DETAILS, 2)])


def noisy_camera(shape=(61, 90), sigma=0.1):
    clean = data.camera()[100 : 100 + shape[0], 180 : 180 + shape[1]] / 255
    return (clean + np.random.default_rng(0).normal(0, sigma, shape)).astype(np.float32)


@pytest.mark.parametrize("settings", [DETAILS, LOW])
def test_networks_are_small(settings):
    assert sum(values.numel() for values in net(settings).parameters()) < 20_000


@pytest.mark.parametrize("settings", [DETAILS, LOW])
def test_scaling_the_input_scales_the_noise(settings):
    inputs = torch.randn(2, settings.inputs, 21, 30, generator=torch.Generator().manual_seed(0))
    made = net(settings)
    with torch.inference_mode():
        torch.testing.assert_close(made(7.3 * inputs), 7.3 * made(inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", [DETAILS, LOW])
def test_brightness_changes_no_kernel(settings):
    inputs = 0.1 * torch.randn(1, settings.inputs, 20, 20, generator=torch.Generator().manual_seed(0))
    brighter = inputs + torch.eye(settings.inputs)[:1, :, None, None] * 0.4
    made = net(settings)
    with torch.inference_mode():
        torch.testing.assert_close(made.predict(brighter).logits, made.predict(inputs).logits, rtol=0, atol=1e-3)


def test_kernels_do_what_a_loop_over_taps_does():
    inputs = torch.randn(2, 4, 9, 11, generator=torch.Generator().manual_seed(0))
    made = net(DETAILS)
    with torch.inference_mode():
        maps = made.predict(inputs)
        found = inputs[:, 1:] - made(inputs)
        wanted = torch.zeros_like(found)
        for image, logits, radius in ((inputs[:, 1:], maps.logits, 2), (maps.guide, maps.guide_logits, 1)):
            padded = torch.nn.functional.pad(image, (radius,) * 4, mode="replicate")
            side = 2 * radius + 1
            weights = logits.tanh().reshape(2, 3, side, side, 9, 11)
            for row in range(side):
                for column in range(side):
                    wanted += weights[:, :, row, column] * padded[:, :, row : row + 9, column : column + 11]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_noise_level_of_noise():
    noise = 0.3 * torch.randn(3, 1, 100, 100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(noise_level(noise).flatten(), torch.full((3,), 0.3), rtol=0.03, atol=0)


def test_training_reaches_every_weight():
    made = net(DETAILS)
    inputs = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    made(inputs).square().mean().backward()
    assert all(values.grad is not None and float(values.grad.abs().sum()) > 0 for values in made.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 2}, "inputs is 2; expected one of"),
        ({"inputs": 1}, "inputs and outputs are 1 and 3; expected 4 and 3, or 1 and 1"),
        ({"width": 0}, "width is 0"),
        ({"guide_radius": 99}, "guide_radius is 99"),
    ],
)
def test_bad_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        BandKernelSettings(**options)


def test_bands_replay_the_denoiser(model):
    image = noisy_camera()
    bands = predict_bands(image, model)
    assert [band.name for band in bands][:2] == ["low", "scale-1-horizontal"]
    np.testing.assert_allclose(reconstruct(bands, image.shape), pkn.wavelet_denoise(image, model), atol=2e-6)


def test_an_edited_map_changes_its_band(model):
    image = noisy_camera()
    bands = predict_bands(image, model)
    edited = [band for band in bands if band.name.startswith("scale-0")][2]
    edited.maps["logits"][...] = 0
    edited.guide_maps["logits"][...] = 0
    _, details = haar_levels(torch.from_numpy(reconstruct(bands, image.shape))[None, None], 1, "published")
    np.testing.assert_allclose(details[0][0, 2, :-1], 0, atol=1e-6)


def test_maps_are_written_for_each_band(model, tmp_path):
    bands = predict_bands(noisy_camera((32, 32)), model)
    write_bands(bands, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {band.name for band in bands}
    place = tmp_path / "scale-0-diagonal"
    names = {path.relative_to(place).as_posix() for path in place.glob("**/*.*")}
    assert names == {"noisy.png", "denoised.png", "logits.png", "maps.npz", "guide/logits.png", "guide/maps.npz"}
    read = pkn.ParameterMaps.load(place / "maps.npz")
    np.testing.assert_array_equal(read["logits"], bands[-1].maps["logits"])
    assert isinstance(read.filter, FreeKernel)


def test_what_is_learnt_has_the_noise_it_says():
    """The noise is what the inputs differ by from the clean coefficients, of level noise u^2 / 2^scale."""
    clean = 2 * torch.from_numpy(data.camera()[None, None, 100:228, 100:228] / np.float32(255)) - 1
    low, details = haar_levels(0.5 * clean + 0.5, 2, "published")
    for part, truth, halvings in zip(band_tasks(2, 0.5), (low, details[1], details[0]), (2, 2, 1), strict=True):
        inputs, noise = part.degraded(clean, np.random.default_rng(0), torch.full((1,), 0.8))
        torch.testing.assert_close(inputs[:, -truth.shape[1] :] - noise, truth)
        assert float(noise.std()) == pytest.approx(0.5 * 0.64 / 2**halvings, rel=0.05)
    _, once = haar_levels(0.5 * clean + 0.5, 1, "published")
    inputs, _ = BandTask(2, 0, 0.5).degraded(clean, np.random.default_rng(0), torch.ones(1))
    torch.testing.assert_close(inputs[:, :1], haar_levels(0.5 * clean + 0.5, 1, "published")[0])
    assert once[0].shape[1] == 3


def test_low_passes_can_be_given_as_coarser_networks_denoise_them():
    """Those that take all for noise leave 0; those that find none, a low-pass as noisy as the details."""
    clean = 2 * torch.from_numpy(data.camera()[None, None, 100:228, 100:228] / np.float32(255)) - 1
    low, _ = haar_levels(0.5 * clean + 0.5, 1, "published")

    def given(share):
        coarser = WaveletModel(lambda inputs: share * inputs, [lambda inputs: share * inputs[:, 1:]])
        return BandTask(2, 0, 0.5, coarser).degraded(clean, np.random.default_rng(0), torch.ones(1))[0][:, :1]

    torch.testing.assert_close(given(1.0), torch.zeros_like(low))
    assert float((given(0.0) - low).std()) == pytest.approx(0.25, rel=0.03)


def test_batches_have_noise_of_one_level():
    """Over batches of 8, the mean square of the noise varies by a few per cent and not by its half."""
    part, clean, inputs = BandTask(1, None, 0.5), torch.zeros(8, 1, 64, 64), []
    for seed in range(40):
        part.objective(lambda y: inputs.append(y) or y, clean, np.random.default_rng(seed))
    powers = torch.stack([(y - 0.5).square().mean() for y in inputs])
    assert float(powers.std() / powers.mean()) < 0.15


def test_knowing_nothing_costs_one():
    part = BandTask(1, 0, 0.5)
    clean = torch.zeros(3000, 1, 4, 4)
    loss = part.objective(lambda inputs: torch.zeros_like(inputs[:, 1:]), clean, np.random.default_rng(0))
    assert float(loss) == pytest.approx(1, rel=0.06)
    assert float((torch.rand(100_000, generator=torch.Generator().manual_seed(0)) ** 4).mean()) == pytest.approx(
        MEAN_SQUARE, rel=0.03
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number in range(12):
        Image.fromarray(data.camera()[20 * number :][:24, 30 * number :][:, :24]).save(folder / f"{number:02}.png")
    return folder


@pytest.mark.parametrize(("config", "given"), [("kernels", "--denoised"), ("cnn", "--no-mirror")])
def test_trained_taken_up_and_used(run, images, tmp_path, monkeypatch, config, given):
    monkeypatch.setattr("pkn.nets.models.bias_free_cnn.PUBLISHED_LAYERS", 5)
    monkeypatch.setattr("pkn.nets.models.bias_free_cnn.PUBLISHED_EVERY", {5: 4})
    out, maps = tmp_path / "model", tmp_path / "maps"
    common = ("train-wavelet", "--data", images, "--out", out, "--config", config, "--rf", 5, "--batch", 2, given)
    result = run(*common, "--steps", 3)
    assert result.exit_code == 0, result.output
    plan = read_header(out / "scale-0.safetensors")["about"]["plan"]
    assert plan["objective"] == {"scales": 2, "scale": 0, "noise": 1.0, "denoised": given == "--denoised"}
    assert plan["mirror"] == (given != "--no-mirror")
    model = find_wavelet_model(out)
    assert (len(model.details), model.low_size, model.size) == (2, 6, 24)
    (out / "scale-0.safetensors").unlink()
    before = (out / "low.safetensors").stat().st_mtime_ns
    assert run(*common, "--steps", 3, "--resume").exit_code == 0
    assert (out / "low.safetensors").stat().st_mtime_ns == before
    options = ("--maps", maps) if config == "kernels" else ()
    result = run("wavelet-denoise", images / "00.png", tmp_path / "out.png", "--weights", out, *options)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out.png") as denoised:
        wanted = pkn.wavelet_denoise(np.asarray(Image.open(images / "00.png")), model, dtype="same")
        np.testing.assert_array_equal(np.asarray(denoised), wanted)
    assert (maps / "scale-1-vertical" / "logits.png").exists() == (config == "kernels")
    for changed, message in (
        ((), "has low.safetensors already; expected none there, or --resume"),
        (("--resume", "--noise", 2), "to go on"),
        (("--scales", 9, "--resume"), "--scales is 9; expected at most 4"),
    ):
        refused = run(*common, *changed)
        assert (refused.exit_code, message in refused.output) == (1, True), refused.output


def test_an_interrupted_part_is_taken_up(run, images, tmp_path, monkeypatch):
    from pkn.training.restorer import RestorerTraining

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    common = ("--data", images, "--config", "kernels", "--scales", 1, "--batch", 2, "--threads", 1, "--steps", 4)
    assert run("train-wavelet", "--out", whole, *common).exit_code == 0
    advance = RestorerTraining._advance

    def stumbling(training, warmth):
        if training.step == 2:
            raise KeyboardInterrupt
        return advance(training, warmth)

    monkeypatch.setattr(RestorerTraining, "_advance", stumbling)
    assert run("train-wavelet", "--out", broken, *common).exit_code == 1
    assert (broken / "low.safetensors.checkpoint").exists()
    monkeypatch.undo()
    assert run("train-wavelet", "--out", broken, *common, "--resume").exit_code == 0
    for name in ("low.safetensors", "scale-0.safetensors"):
        first, second = (read_tensors(folder / name) for folder in (whole, broken))
        for key, values in first.items():
            np.testing.assert_allclose(second[key], values, atol=2e-3)


def test_averaged_networks_have_deviations_of_their_own(images):
    """Weights seven times as large have channels that deviate seven times as much, whatever was remembered."""
    from pkn.io.datasets import read_set
    from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
    from pkn.nets.registry import to_config
    from pkn.training.restorer import RestorerPlan, RestorerTraining

    torch.manual_seed(0)
    made, part = BiasFreeCNN(BiasFreeSettings(width=4, kernels=(3, 1, 3))), BandTask(1, None, 1.0)
    plan = RestorerPlan(to_config(made), {}, "", batch=8)
    training = RestorerTraining(plan, made, read_set(images, channels=1).training, part.objective)
    averaged, found = training.average.module, []
    for factor in (1, 7):
        averaged.layers[1].weight.data *= factor
        training._update_norm_statistics()
        found.append(averaged.norms[0].deviation.clone())
    torch.testing.assert_close(found[1], 7 * found[0], rtol=0.01, atol=0)


def test_transparent_pixels_stay(run, images, model, tmp_path, monkeypatch):
    monkeypatch.setattr("pkn.wavelets.models.find_wavelet_model", lambda folder: model)
    pixels = np.asarray(Image.open(images / "00.png"))
    alpha = np.where(np.arange(24) < 12, 255, 0).astype(np.uint8) * np.ones((24, 1), np.uint8)
    Image.merge("LA", [Image.fromarray(pixels), Image.fromarray(alpha)]).save(tmp_path / "in.png")
    result = run("wavelet-denoise", tmp_path / "in.png", tmp_path / "out.png", "--weights", tmp_path)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out.png") as denoised:
        found, kept = (np.asarray(band) for band in denoised.split())
    np.testing.assert_array_equal(kept, alpha)
    np.testing.assert_array_equal(found[:, 12:], pixels[:, 12:])
    assert (found[:, :12] != pixels[:, :12]).mean() > 0.1


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 4), (3, 100)])
def test_tiny_images(model, shape):
    assert pkn.wavelet_denoise(noisy_camera(shape), model).shape == shape


def test_a_black_margin_changes_no_noise_level():
    noise = 0.2 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    half = noise.clone()
    half[:, :, :40] = 0
    assert float(noise_level(half)) == pytest.approx(float(noise_level(noise[:, :, 40:])))
    assert float(noise_level(torch.zeros(1, 1, 4, 4))) > 0


def test_cnns_have_no_maps(run, images, tmp_path):
    from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings

    cnn = BiasFreeCNN(BiasFreeSettings(kernels=(3, 3)))
    with pytest.raises(ValueError, match="model has a BiasFreeCNN; expected BandKernels"):
        predict_bands(noisy_camera(), WaveletModel(cnn))
