"""The verbs: what users call, with the bundled networks."""

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.degradations.tasks import make_task
from pkn.nets import read_header
from pkn.pretrained import bundled_names, find_net, weights_folder


@pytest.fixture(scope="module")
def clean():
    return data.camera()[100:228, 150:290] / np.float32(255)


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + np.float32(25 / 255) * np.random.default_rng(0).standard_normal(clean.shape, np.float32)


@pytest.fixture(scope="module")
def colour():
    clean = data.astronaut()[:120, 180:300] / np.float32(255)
    return clean, clean + np.float32(25 / 255) * np.random.default_rng(1).standard_normal(clean.shape, np.float32)


def psnr(image, truth):
    return -10 * np.log10(np.mean((image - truth) ** 2))


def test_denoises_grey(clean, noisy):
    assert psnr(pkn.denoise(noisy), clean) > psnr(noisy, clean) + 6


def test_denoises_rgb(colour):
    clean, noisy = colour
    assert psnr(pkn.denoise(noisy, channel_axis=-1), clean) > psnr(noisy, clean) + 6


def test_channel_axis_may_stand_first(colour):
    noisy = colour[1]
    first = pkn.denoise(np.moveaxis(noisy, -1, 0), channel_axis=0)
    assert np.array_equal(np.moveaxis(first, 0, -1), pkn.denoise(noisy, channel_axis=-1))


def test_one_network_serves_all_levels(clean):
    random = np.random.default_rng(2)
    for level in (0, 5, 15, 50):
        noisy = clean + np.float32(level / 255) * random.standard_normal(clean.shape, np.float32)
        gain = psnr(pkn.denoise(noisy), clean) - psnr(noisy + np.float32(1e-9), clean)
        assert gain > {0: -np.inf, 5: 1.5, 15: 4, 50: 8}[level]
    assert psnr(pkn.denoise(clean), clean) > 38


@pytest.mark.parametrize("options", [{}, {"strength": 0.5}, {"sigma": 0.08}])
def test_denoise_is_predict_maps_and_apply_bit_for_bit(noisy, colour, options):
    assert np.array_equal(pkn.denoise(noisy, **options), pkn.predict_maps(noisy, **options).apply(noisy))
    maps = pkn.predict_maps(colour[1], channel_axis=-1, **options)
    assert np.array_equal(pkn.denoise(colour[1], channel_axis=-1, **options), maps.apply(colour[1]))


def test_saved_maps_replay_bit_for_bit(tmp_path, colour):
    maps = pkn.predict_maps(colour[1], channel_axis=-1)
    maps.save(tmp_path / "maps.npz")
    replayed = pkn.ParameterMaps.load(tmp_path / "maps.npz").apply(colour[1])
    assert np.array_equal(replayed, pkn.denoise(colour[1], channel_axis=-1))


def test_provenance(noisy):
    about = pkn.predict_maps(noisy).provenance
    assert about["net"] == "any-noise"
    assert about["sigma"] * 255 == pytest.approx(25, rel=0.1)
    assert pkn.predict_maps(noisy, sigma=0.05).provenance["sigma"] == pytest.approx(0.05)


def test_strength(noisy):
    assert np.array_equal(pkn.denoise(noisy, strength=0), noisy)
    half = np.zeros(noisy.shape)
    half[:, 70:] = 1
    mixed = pkn.denoise(noisy, "bilateral", strength=half)
    assert np.array_equal(mixed[:, :70], noisy[:, :70])
    assert np.array_equal(mixed[:, 70:], pkn.denoise(noisy, "bilateral")[:, 70:])
    smooth = [np.abs(np.diff(pkn.denoise(noisy, strength=s))).mean() for s in (0, 0.5, 1, 2)]
    assert smooth == sorted(smooth, reverse=True)


def test_masked_and_nan_pixels_carry_no_weight(clean, noisy):
    hole = np.zeros(noisy.shape, bool)
    hole[40:43, 50:53] = True
    spoiled = np.where(hole, 100, noisy).astype(np.float32)
    masked = pkn.denoise(spoiled, mask=~hole)
    as_nan = pkn.denoise(np.where(hole, np.nan, noisy).astype(np.float32))
    assert np.array_equal(masked, as_nan)
    assert masked.max() < 2
    assert psnr(masked, clean) > psnr(noisy, clean) + 5


def test_dtypes(noisy):
    eight = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    same = pkn.denoise(eight, dtype="same")
    as_float = pkn.denoise(eight)
    assert same.dtype == np.uint8
    assert as_float.dtype == np.float32
    assert np.array_equal(same, np.rint(np.clip(as_float, 0, 1) * 255))
    sixteen = pkn.denoise(eight.astype(np.uint16) * 257, dtype="same")
    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen / 65535 - as_float).max() < 1e-4
    assert pkn.denoise(noisy.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 1), (13, 17)])
def test_small_images(shape):
    out = pkn.denoise(np.full(shape, 0.25, np.float32))
    assert np.array_equal(out, np.full(shape, 0.25, np.float32))


def test_net_as_path_and_as_object(tmp_path, noisy):
    path = weights_folder() / "bilateral-grey.safetensors"
    expected = pkn.denoise(noisy, "bilateral")
    assert np.array_equal(pkn.denoise(noisy, path), expected)
    assert np.array_equal(pkn.denoise(noisy, str(path)), expected)
    assert np.array_equal(pkn.denoise(noisy, find_net("bilateral", 1)), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: pkn.denoise(np.stack([x] * 3, -1)), "channel_axis"),
        (lambda x: pkn.denoise(x[0]), r"expected \(H, W\)"),
        (lambda x: pkn.denoise(x[:0]), "at least one pixel"),
        (lambda x: pkn.denoise(x * np.nan), "no finite value"),
        (lambda x: pkn.denoise(x, "bilatral"), "did you mean 'bilateral'"),
        (lambda x: pkn.denoise(x, "nothing.safetensors"), "nothing.safetensors"),
        (lambda x: pkn.denoise(x, 3), "net is int"),
        (lambda x: pkn.denoise(np.stack([x] * 2, -1), channel_axis=-1), "2 channels"),
        (lambda x: pkn.denoise(np.stack([x] * 3, -1), "volume", channel_axis=-1), "one by one, stack_axes=-1"),
        (lambda x: pkn.denoise(x, find_net("bilateral", 3)), "expected 3"),
        (lambda x: pkn.denoise(x, strength=-1), "strength is -1"),
        (lambda x: pkn.denoise(x, strength=float("nan")), "strength is nan"),
        (lambda x: pkn.denoise(x, strength=np.ones(3)), "strength has shape"),
        (lambda x: pkn.denoise(x, strength="much"), "strength has dtype"),
        (lambda x: pkn.denoise(x, sigma=-0.1), "sigma is -0.1"),
        (lambda x: pkn.denoise(x, sigma=float("nan")), "sigma is nan"),
        (lambda x: pkn.denoise(x, mask=np.ones((2, 2), bool)), "mask has shape"),
        (lambda x: pkn.denoise(x, mask=np.zeros(x.shape, bool)), "mask is False everywhere"),
        (lambda x: pkn.denoise(x, dtype="nonsense"), "dtype is 'nonsense'"),
    ],
)
def test_bad_input_is_one_clear_error(noisy, call, message):
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        call(noisy)


def test_bundled_networks_say_how_they_were_made():
    assert "bilateral" in bundled_names()
    for path in weights_folder().glob("*.safetensors"):
        about = read_header(path)["about"]
        assert about["parameters"] < 20_000
        assert about["plan"]["steps"] > 1000
        task = about["plan"]["task"]
        checks = {"first pass", "second pass"} if task == "volume" else set(make_task(task, 1.0).checks)
        assert set(about["best"]["psnr"]) == checks
        assert path.stat().st_size < 300_000
