"""Arrays and pictures of other libraries, against the real ones: taken, or refused by name."""

import cv2
import numpy as np
import pytest
import torch
from skimage import data

import pkn
from pkn.filters import Bilateral, absolute_weights
from pkn.io.opencv import bgr_to_rgb, rgb_to_bgr
from pkn.nets import apply_filter
from pkn.plotting.maps import map_figure, plot_maps
from pkn.restoration.explanation import explain_pixel
from pkn.restoration.plain_units import readable_maps

NOISY = np.random.default_rng(0).normal(0.5, 0.1, (40, 50)).astype(np.float32)
COLOUR = np.random.default_rng(1).normal(0.5, 0.1, (40, 50, 3)).astype(np.float32)


class Readable:
    """An array-like with nothing but ``__array__``."""

    def __array__(self, dtype=None, copy=None):
        return NOISY


class OnGPU:
    """As CuPy's arrays answer NumPy; none can be made where there is no GPU."""

    def __array__(self, dtype=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")


OnGPU.__module__ = "cupy"


@pytest.mark.parametrize("given", [Readable(), torch.from_numpy(NOISY), NOISY.tolist(), np.ma.array(NOISY)])
def test_what_numpy_can_read_is_taken(given):
    for result in (pkn.denoise(given), pkn.predict_maps(given).apply(given)):
        assert type(result) is np.ndarray
        np.testing.assert_allclose(result, pkn.denoise(NOISY), atol=1e-5)


VERBS = {
    "denoise": pkn.denoise,
    "stack": lambda image: pkn.denoise(image, stack_axes=0),
    "deconvolve": lambda image: pkn.deconvolve(image, blur=1.0),
    "upsample": pkn.upsample,
    "estimate_noise": pkn.estimate_noise,
    "calibrate": lambda image: pkn.calibrate(image, stack_axis=0),
    "filter": lambda image: Bilateral()(image, 1.0, 0.1),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.from_numpy(NOISY).requires_grad_(), r"image is Tensor, which NumPy can't read: .*pkn\.nets\.Denoiser"),
        (torch.from_numpy(NOISY).bfloat16(), r"image is Tensor, .*image\.detach\(\)\.cpu\(\)\.numpy\(\)"),
        (OnGPU(), r"image is OnGPU, .*cupy\.asnumpy\(image\)"),
        (np.ma.array(NOISY, mask=NOISY > 0.7), "image is an array with masked values; expected image.data, and mask="),
        (pkn.ParameterMaps(Bilateral(), {"sigma_space": NOISY, "sigma_range": NOISY}), r"maps\['sigma_space'\]"),
    ],
    ids=["gradients", "bfloat16", "gpu", "masked", "maps"],
)
def test_what_numpy_cannot_read_is_named(verb, given, message):
    with pytest.raises(TypeError, match=message):
        verb(given)


def test_masked_arrays_go_in_by_their_parts():
    masked = np.ma.array(NOISY, mask=NOISY > 0.7)
    result = pkn.denoise(masked.data, mask=~masked.mask)
    changed = np.where(masked.mask, 9, NOISY)
    np.testing.assert_array_equal(result, pkn.denoise(changed, mask=~masked.mask))


def test_xarray_goes_in_and_comes_out_with_coordinates():
    xr = pytest.importorskip("xarray")
    names, places = ("time", "y", "x"), {"time": [3, 5], "x": np.linspace(0, 1, 50)}
    frames = xr.DataArray(np.stack([NOISY, NOISY[::-1]]), dims=names, coords=places, attrs={"unit": "e"})
    wanted = pkn.denoise(frames.values, stack_axes=0)
    assert type(pkn.denoise(frames, stack_axes=0)) is np.ndarray
    np.testing.assert_array_equal(pkn.denoise(frames, stack_axes=0), wanted)
    options = {"kwargs": {"stack_axes": 0}, "keep_attrs": True}
    clean = xr.apply_ufunc(pkn.denoise, frames, **options)
    xr.testing.assert_identical(clean, frames.copy(data=wanted))
    lazy = xr.apply_ufunc(pkn.denoise, frames.chunk({"time": 1}), dask="allowed", **options)
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), clean)


def test_bgr_views_are_those_of_opencv(tmp_path):
    picture = data.astronaut()[:64, :80]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    for converted, wanted in ((bgr_to_rgb(bgr), picture), (rgb_to_bgr(picture), bgr)):
        np.testing.assert_array_equal(converted, wanted)
    assert np.shares_memory(bgr_to_rgb(bgr), bgr)
    np.testing.assert_array_equal(rgb_to_bgr(bgr_to_rgb(bgr)), bgr)
    assert cv2.imwrite(str(tmp_path / "a.png"), rgb_to_bgr(picture))
    np.testing.assert_array_equal(bgr_to_rgb(cv2.imread(str(tmp_path / "a.png"))), picture)


def test_bgr_pictures_are_denoised_as_rgb(tmp_path):
    bgr = np.ascontiguousarray(COLOUR[..., ::-1])
    clean = rgb_to_bgr(pkn.denoise(bgr_to_rgb(bgr), channel_axis=-1))
    np.testing.assert_array_equal(cv2.cvtColor(clean, cv2.COLOR_BGR2RGB), pkn.denoise(COLOUR, channel_axis=-1))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (NOISY, ValueError, r"image has shape \(40, 50\); expected \(H, W, 3\)$"),
        (np.zeros((4, 5, 4)), ValueError, r"leave out alpha"),
        (None, TypeError, "image is NoneType; expected an array, as cv2.imread gives it"),  # of a missing file
    ],
)
def test_what_is_no_bgr_picture_is_named(given, error, message):
    with pytest.raises(error, match=message):
        bgr_to_rgb(given)


MAPS = {"sigma_space": np.full((40, 50), 2.0, np.float32), "sigma_range": np.full((40, 50), 0.2, np.float32)}


def test_a_mapping_of_maps_is_taken():
    flt, named = Bilateral(), pkn.ParameterMaps(Bilateral(), MAPS)
    np.testing.assert_array_equal(flt(NOISY, **named), flt(NOISY, **MAPS))
    np.testing.assert_array_equal(flt.kernel_at(NOISY, named, (3, 4)), flt.kernel_at(NOISY, MAPS, (3, 4)))
    batch = torch.from_numpy(NOISY)[None, None]
    tensors = {name: torch.from_numpy(values)[None, None] for name, values in reversed(MAPS.items())}
    np.testing.assert_array_equal(apply_filter(flt, batch, tensors)[0, 0], flt(NOISY, **MAPS))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Bilateral()(NOISY, MAPS), TypeError, r"by position are a mapping; expected \*\*maps"),
        (lambda: absolute_weights(Bilateral(), NOISY, MAPS), TypeError, r"by position are a mapping"),
        (lambda: pkn.certify(NOISY, NOISY, MAPS), TypeError, "maps is a dict; expected pkn.ParameterMaps"),
        (lambda: readable_maps(MAPS), TypeError, "maps is a dict; expected pkn.ParameterMaps"),
        (lambda: explain_pixel(MAPS, NOISY, (1, 1)), TypeError, "maps is a dict; expected pkn.ParameterMaps"),
        (lambda: plot_maps(MAPS), TypeError, "maps is a dict; expected pkn.ParameterMaps"),
        (lambda: map_figure(MAPS, "sigma_space"), TypeError, "maps is a dict; expected pkn.ParameterMaps"),
        (lambda: pkn.ParameterMaps(Bilateral(), list(MAPS.values())), TypeError, "maps are a list; expected a mapping"),
        (
            lambda: apply_filter(Bilateral(), torch.zeros(1, 1, 4, 4), {"sigma": torch.ones(1, 1, 4, 4)}),
            ValueError,
            r"maps are \['sigma'\]; expected \['sigma_space', 'sigma_range'\] for the filter Bilateral",
        ),
        (lambda: np.asarray(pkn.ParameterMaps(Bilateral(), MAPS)), TypeError, r"one of them by name: maps\['sigma_sp"),
    ],
)
def test_a_mapping_of_maps_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_channels_that_are_not_rgb_get_a_hint(channels):
    image = np.repeat(NOISY[..., None], channels, axis=2)
    with pytest.raises(ValueError, match=f"{channels} channels; expected 1 or 3.* stack_axes=-1 for channel") as error:
        pkn.denoise(image, channel_axis=-1)
    assert ("alpha of RGBA, image[..., :3]" in str(error.value)) == (channels == 4)
    each = pkn.denoise(image, stack_axes=-1)  # what the hint says works
    np.testing.assert_array_equal(each[..., 0], pkn.denoise(NOISY))


@pytest.mark.parametrize("module", [pkn, pkn.filters, pkn.nets], ids=lambda module: module.__name__)
def test_dir_shows_what_is_public(module):
    folders = {"filters", "nets"} if module is pkn else set()
    assert set(dir(module)) == {*module.__all__, *folders}
    assert all(hasattr(module, name) for name in dir(module))
