"""Multi-scale denoising: the chain as it is defined, images of all kinds, models from both kinds of folders."""

import numpy as np
import published
import pytest
import pywt
import torch
from folders import our_folder, write

import pkn
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
from pkn.nets.models.unet import UNet, UNetSettings
from pkn.wavelets.models import WaveletModel, find_flat_model, find_wavelet_model

LOW, DETAILS = BiasFreeSettings(1, 1, 4, (3, 1, 3)), BiasFreeSettings(4, 3, 4, (3, 1, 3))


def network(settings, seed):
    torch.manual_seed(seed)
    net = BiasFreeCNN(settings)
    for norm in net.norms:
        torch.nn.init.ones_(norm.gain)
    return net.eval()


def model(scales=2):
    return WaveletModel(network(LOW, 9), [network(DETAILS, scale) for scale in range(scales)])


def zero_model():
    nets = model()
    for net in (nets.low, *nets.details):
        for values in net.parameters():
            torch.nn.init.zeros_(values)
    return nets


def picture(size=(20, 28), seed=0):
    return np.random.default_rng(seed).random(size)


def naive(nets, image):
    """Level by level with PyWavelets, whose coefficients are halved once a level."""
    low, levels = image, []
    for _ in nets.details:
        low, bands = pywt.dwt2(low, "db1", mode="symmetric")
        low, bands = low / 2, [band / 2 for band in bands]
        levels.append(bands)

    def estimated(net, *planes):
        return net(torch.from_numpy(np.stack(planes)[None]).float())[0].double().numpy()

    with torch.inference_mode():
        low = low - estimated(nets.low, low)[0]
        for scale in range(len(levels) - 1, -1, -1):
            noise = estimated(nets.details[scale], low, *levels[scale])
            clean = [2 * (band - part) for band, part in zip(levels[scale], noise, strict=True)]
            low = pywt.idwt2((2 * low, clean), "db1", mode="symmetric")
            height, width = image.shape if scale == 0 else levels[scale - 1][0].shape
            low = low[:height, :width]
    return low


@pytest.mark.parametrize("size", [(20, 28), (21, 27), (5, 6), (1, 1), (1, 7)])
@pytest.mark.parametrize("scales", [0, 1, 2, 3])
def test_the_chain_is_as_defined(size, scales):
    image, nets = picture(size), model(scales)
    found = pkn.wavelet_denoise(image, nets)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, naive(nets, image), rtol=0, atol=1e-6)
    assert np.abs(found - image).max() > 1e-3


@pytest.mark.parametrize("size", [(16, 24), (13, 7)])
def test_networks_that_see_no_noise_give_the_image(size):
    image = np.random.default_rng(0).integers(0, 256, size) / 256
    for dtype in (np.float32, np.float64):
        found = pkn.wavelet_denoise(image.astype(dtype), zero_model())
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_fractions(dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (12, 14)).astype(dtype)
    found = pkn.wavelet_denoise(image, model())
    assert found.dtype == np.float32
    fractions = image.astype(np.float64) / np.iinfo(dtype).max
    np.testing.assert_allclose(found, pkn.wavelet_denoise(fractions, model()), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pkn.wavelet_denoise(image, zero_model(), dtype="same"), image)


@pytest.mark.parametrize("axis", [0, -1])
def test_channels_are_by_themselves(axis):
    colours = [picture(seed=seed) for seed in range(3)]
    found = pkn.wavelet_denoise(np.stack(colours, axis), model(), channel_axis=axis)
    alone = np.stack([pkn.wavelet_denoise(colour, model()) for colour in colours], axis)
    np.testing.assert_allclose(found, alone, rtol=0, atol=1e-6)


def their_folder(folder, nets, field=13):
    names = {"RF_40x40_low": nets.low, **{f"RF_{field}x{field}_scale_{j}": net for j, net in enumerate(nets.details)}}
    for name, net in names.items():
        state = {f"module.conv_layers.{i}.weight": layer.weight.detach() for i, layer in enumerate(net.layers)}
        for i, norm in enumerate(net.norms):
            state[f"module.BN_layers.{i}.gammas"] = norm.gain.detach()[None, :, None, None]
            state[f"module.BN_layers.{i}.running_sd"] = norm.deviation[None, :, None, None]
        (folder / "multi_scale" / name).mkdir(parents=True)
        torch.save(state, folder / "multi_scale" / name / "model.pt")
    return folder


def test_models_from_folders(tmp_path):
    expected = pkn.wavelet_denoise(picture(), model())
    theirs = their_folder(tmp_path / "theirs", model())
    for folder in (our_folder(tmp_path / "ours", model()), theirs, theirs / "multi_scale", str(theirs)):
        np.testing.assert_array_equal(pkn.wavelet_denoise(picture(), folder), expected)
    assert len(find_wavelet_model(our_folder(tmp_path / "more", model(3))).details) == 3


def test_folders_that_lack_something(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match=rf"'{folder}' holds no multi-scale model; expected .*low\.safetensors"):
            find_wavelet_model(folder)
    theirs = their_folder(tmp_path / "theirs", model())
    with pytest.raises(ValueError, match=r"RF_9x9_scale_0.model\.pt' is missing; expected one file for each scale"):
        find_wavelet_model(theirs, field=9)
    with pytest.raises(ValueError, match=r"flat.RF_9x9.model\.pt' is missing"):
        find_flat_model(theirs, 9)
    ours = our_folder(tmp_path / "ours", model(3))
    (ours / "scale-1.safetensors").unlink()
    with pytest.raises(ValueError, match=r"scale-1\.safetensors' is missing"):
        find_wavelet_model(ours)


def test_files_of_other_networks(tmp_path):
    ours = our_folder(tmp_path, model())
    write(ours / "scale-1.safetensors", network(LOW, 0))
    with pytest.raises(ValueError, match=r"scale-1\.safetensors' takes 1 channels to 1; expected 4 to 3"):
        find_wavelet_model(ours)
    write(ours / "low.safetensors", UNet(UNetSettings(8, 1, 8, (1, 2), 1, 3, 0)))
    write(ours / "scale-1.safetensors", network(DETAILS, 0))
    with pytest.raises(ValueError, match=r"low\.safetensors' is a UNet; expected a BiasFreeCNN or BandKernels"):
        find_wavelet_model(ours)
    (ours / "low.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"cannot load '.*low\.safetensors'"):
        find_wavelet_model(ours)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros((4, 4, 3)), {}, ValueError, r"image has shape \(4, 4, 3\); expected \(H, W\)"),
        (np.zeros((4, 4), int), {}, TypeError, "image has dtype int64"),
        (np.array([[0, np.nan]]), {}, ValueError, "image has values that are not finite"),
        (np.zeros((0, 4)), {}, ValueError, "expected at least one pixel"),
        (np.zeros((4, 4)), {"dtype": "int3"}, ValueError, "dtype is 'int3'"),
        (np.zeros((4, 4)), {"model": 3}, TypeError, "model is int; expected a WaveletModel or a folder"),
    ],
)
def test_bad_input(image, options, error, message):
    with pytest.raises(error, match=message):
        pkn.wavelet_denoise(image, **{"model": model(), **options})


@published.needed
def test_the_authors_model_denoises():
    """A disc, at a noise of 100 / 255: far closer to it than the noise was, and as the flat network of 43 px."""
    rows, columns = np.indices((96, 96)) - 48
    clean = 0.2 + 0.6 / (1 + np.exp((np.hypot(rows, columns) - 28) / 2))
    noisy = clean + np.random.default_rng(0).normal(0, 100 / 255, clean.shape)
    models = find_wavelet_model(published.FOLDER), find_flat_model(published.FOLDER, 43)
    errors = [np.sqrt(np.mean((pkn.wavelet_denoise(noisy, net) - clean) ** 2)) for net in models]
    assert max(errors) < 0.25 * 100 / 255
    assert errors[0] < 1.2 * errors[1]
