"""Windows of several planes: the same promises as in one plane, for every filter that can have them."""

from functools import partial

import naive_stacks
import numba
import numpy as np
import pytest

from pkn.filters import (
    FILTERS,
    AnisotropicUpsampling,
    FreeKernel,
    JointBilateral,
    LumaChromaPyramid,
    NonLocalMeans,
    Pyramid,
    Reblur,
)
from pkn.filters.base import MODES_Z
from pkn.filters.engine.window import BLOCK

COMPOSED = (Pyramid, LumaChromaPyramid)
SETTINGS = {NonLocalMeans: {"patch_radius": 1}, JointBilateral: {"features": 2}}
MAKERS = {
    cls.__name__: partial(cls, radius=2, radius_z=1, **SETTINGS.get(cls, {}))
    for cls in FILTERS
    if cls.deep and cls not in COMPOSED
}
MAKERS["FreeKernel tanh"] = partial(FreeKernel, radius=2, radius_z=1, normalization="tanh")
WINDOWS = {name: make for name, make in MAKERS.items() if name != "NonLocalMeans"}
SMALL_PYRAMID = partial(Pyramid, radius=2, radius_z=1, features=2, levels=2)
PYRAMIDS = {"Pyramid": (SMALL_PYRAMID, 2), "LumaChroma": (partial(LumaChromaPyramid, 2, radius_z=1, levels=1), 3)}

every_filter = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
every_window = pytest.mark.parametrize("make", WINDOWS.values(), ids=WINDOWS.keys())
DEPTH, HEIGHT, WIDTH = 4, 7, 6


def draw(spec, seed, channels=2, shape=(DEPTH, HEIGHT, WIDTH), dtype=np.float64):
    """A stack (D, C, H, W) and maps (..., D, H, W) within the middle of their ranges."""
    generator = np.random.default_rng(seed)
    stack = generator.random((shape[0], channels, *shape[1:])).astype(dtype)
    maps = {}
    for name, r in spec.ranges.items():
        low, high = (np.log(r.low), np.log(r.high)) if r.logarithmic else (r.low, r.high)
        size = (shape[0], *spec.map_size(name, shape[1:]))
        values = low + (high - low) * generator.uniform(0.2, 0.8, (*spec.plane_shape(name), *size))
        maps[name] = (np.exp(values) if r.logarithmic else values).astype(dtype)
    return stack, maps


def with_gaps(stack, seed):
    generator, stack = np.random.default_rng(seed), stack.copy()
    stack[:, 0][generator.random((len(stack), *stack.shape[2:])) < 0.15] = np.nan
    return stack, generator.random((len(stack), *stack.shape[2:])) > 0.1


@every_window
@pytest.mark.parametrize("causal", [False, True], ids=["centred", "causal"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_agrees_with_the_naive_reference(make, causal, masked):
    for border_z, border in zip(MODES_Z, ("mirror", "reflect", "constant", "nearest", "wrap"), strict=True):
        spec = make(border=border, border_z=border_z, causal=causal, spacing=(1.7, 1.0, 0.8))
        stack, maps = draw(spec, 1)
        mask = None
        if masked:
            stack, mask = with_gaps(stack, 2)
        out = spec(stack, **maps, channel_axis=1, depth_axis=0, mask=mask)
        expected, mass = naive_stacks.stack_filter(spec, stack, mask, maps)
        sure = (mass == 0) | (mass > 1e-25)
        assert sure.mean() > 0.9
        np.testing.assert_allclose(out.swapaxes(0, 1)[:, sure], expected.swapaxes(0, 1)[:, sure], rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True], ids=["centred", "causal"])
def test_non_local_means_agrees_with_the_naive_reference(causal):
    spec = MAKERS["NonLocalMeans"](causal=causal)
    stack, maps = draw(spec, 3)
    out = spec(stack, **maps, channel_axis=1, depth_axis=0)
    np.testing.assert_allclose(out, naive_stacks.non_local_means(spec, stack, maps), rtol=0, atol=1e-12)


def slope(function, step=1e-5):
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def check_gradients(spec, stack, maps, slots=None, valid=None):
    """Cotangents of the stack and of every map against finite differences."""
    generator = np.random.default_rng(4)
    out, residuals = spec.forward(stack, maps, valid, slots=slots)
    v_out = generator.standard_normal(out.shape)
    v_image, v_maps = spec.vjp(residuals, v_out)
    assert type(v_maps) is type(maps)

    def loss(stack, maps):
        return np.nansum(v_out * spec.forward(stack, maps, valid, slots=slots)[0])

    toward = generator.standard_normal(stack.shape)
    expected = slope(lambda t: loss(stack + t * toward, maps))
    np.testing.assert_allclose(np.vdot(toward, v_image), expected, rtol=1e-6, atol=1e-9)
    for name, values in maps._asdict().items():
        toward = generator.standard_normal(values.shape) * values
        expected = slope(lambda t: loss(stack, maps._replace(**{name: values + t * toward})))  # noqa: B023
        np.testing.assert_allclose(np.vdot(toward, getattr(v_maps, name)), expected, rtol=1e-6, atol=1e-8, err_msg=name)
    alone = spec.vjp(residuals, v_out, image_too=False)[1]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(alone, v_maps, strict=True))


@every_filter
@pytest.mark.parametrize("causal", [False, True], ids=["centred", "causal"])
def test_gradients_are_finite_differences(make, causal):
    for border_z in ("omit", "reflect"):
        spec = make(border_z=border_z, causal=causal, spacing=(1.7, 1.0, 0.8))
        stack, maps = draw(spec, 5)
        check_gradients(spec, stack, spec.check_maps((), maps, stack))


@pytest.mark.parametrize(("make", "channels"), PYRAMIDS.values(), ids=PYRAMIDS.keys())
def test_gradients_of_pyramids(make, channels):
    spec = make(spacing=(1.7, 1.0, 0.8))
    stack, maps = draw(spec, 6, channels)
    check_gradients(spec, stack, spec.check_maps((), maps, stack))


@pytest.mark.parametrize("name", ["Bilateral", "JointBilateral", "NonLocalMeans", "Pyramid", "LumaChroma"])
def test_slots_choose_the_planes_of_windows(name):
    """Two outputs from a batch of five images; their windows are what a stack of those three planes would have."""
    make, channels = PYRAMIDS.get(name, (MAKERS.get(name), 2))
    spec, slots = make(), np.array([[4, 0, -1], [2, 3, 0]])
    stack, maps = draw(spec, 7, channels, (5, HEIGHT, WIDTH))
    whole = spec.check_maps((), maps, stack)
    few = spec.Maps(*(m if "guide" in n else m[[0, 3]] for n, m in whole._asdict().items()))
    out, _ = spec.forward(stack, few, slots=slots)
    for k, planes in enumerate([[4, 0], [2, 3, 0]]):
        own = spec.Maps(*(m[planes] for m in whole))
        expected, _ = spec.forward(np.ascontiguousarray(stack[planes]), own)
        np.testing.assert_array_equal(out[k], expected[1])
    check_gradients(spec, stack, few, slots)


@every_filter
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_kernel_at_gives_the_weights(make, masked):
    spec = make(border_z="omit")
    stack, maps = draw(spec, 8)
    mask = None
    if masked:
        stack, mask = with_gaps(stack, 9)
    out = spec(stack, **maps, channel_axis=1, depth_axis=0, mask=mask)
    padded = [
        naive_stacks.naive.split(plane, None if mask is None else mask[n], 2, "reflect")[0]
        for n, plane in enumerate(stack)
    ]
    planes = naive_stacks.window_planes(DEPTH, 1, "omit", False)
    for at in [(0, 0, 0), (1, 3, 2), (2, 6, 5), (-1, 1, -3)]:
        weights = spec.kernel_at(stack, maps, at, channel_axis=1, depth_axis=0, mask=mask)
        assert weights.shape == (3, 5, 5)
        n, row, col = (place % size for place, size in zip(at, (DEPTH, HEIGHT, WIDTH), strict=True))
        windows = np.array([padded[m][:, row : row + 5, col : col + 5] * (m >= 0) for m in planes[n]])
        total = np.einsum("prc,pkrc->k", weights, windows)
        np.testing.assert_allclose(total, out[n, :, row, col], rtol=0, atol=1e-12)
        assert not weights[planes[n] < 0].any()


@pytest.mark.parametrize(("make", "channels"), PYRAMIDS.values(), ids=PYRAMIDS.keys())
def test_kernel_at_of_pyramids(make, channels):
    spec = make()
    stack, maps = draw(spec, 10, channels, (DEPTH, 12, 14))
    out = spec(stack, **maps, channel_axis=1, depth_axis=0)
    found = spec.kernel_at(stack, maps, (2, 5, 6), channel_axis=1, depth_axis=0)
    kernels = found if channels == 3 else found[None]
    planes = np.moveaxis(stack, 1, -1) @ opponent().T if channels == 3 else np.moveaxis(stack, 1, -1)
    expected = opponent() @ out[2, :, 5, 6] if channels == 3 else out[2, :, 5, 6]
    reach = spec.reach
    padded = np.pad(
        planes, [(0, 0), (reach, reach), (reach, reach), (0, 0)]
    )  # a pixel's weight is at its nearest place
    window = padded[1:4, 5 : 5 + 2 * reach + 1, 6 : 6 + 2 * reach + 1]
    part = [0, 1, 1] if channels == 3 else [0, 0]
    total = [np.sum(kernels[part[c]] * window[..., c]) for c in range(channels)]
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-12)
    assert all(abs(kernel.sum() - 1) < 1e-12 and (kernel >= 0).all() for kernel in kernels)


def opponent():
    from pkn.filters.luma_chroma_pyramid import TO_OPPONENT

    return TO_OPPONENT


@every_filter
def test_one_plane_is_the_image_itself(make):
    """A stack of one plane, bit for bit; with kz a weight of 1 across planes doesn't matter."""
    deep = make()
    flat = make(radius_z=0)
    stack, maps = draw(deep, 11, 1, (1, HEIGHT, BLOCK + 5), np.float32)
    own = {name: values[..., 0, :, :] for name, values in maps.items() if name in flat.ranges}
    if "logits" in own:
        own["logits"] = own["logits"][1]
    expected = flat(stack[0, 0], **own)
    # the energy of a dz of 0 is 0, but it is added at another place of a sum
    np.testing.assert_allclose(deep(stack[:, 0], **maps, depth_axis=0)[0], expected, rtol=0, atol=3e-7)


@every_filter
def test_still_planes_are_averaged_as_one(make):
    """Noise of variance 1 in equal planes: with equal weights of planes its variance falls by their number."""
    spec = make(radius_z=2)
    if not spec.convex or isinstance(spec, NonLocalMeans | FreeKernel):
        pytest.skip("weights of planes differ")
    generator = np.random.default_rng(12)
    noise = generator.normal(0.5, 0.01, (5, 24, BLOCK)).astype(np.float32)
    maps = {name: np.full(spec.plane_shape(name), r.high, np.float32) for name, r in spec.ranges.items()}
    maps |= {name: 1e3 for name in ("sigma", "sigma_space", "sigma_range") if name in maps}
    maps |= {name: 0.0 for name in ("kx", "ky", "kz", "rho") if name in maps}
    out = spec(noise, **maps, depth_axis=0)[2]
    expected = naive_stacks.naive.pad(noise.mean(0)[None], 2, "reflect")[0]
    windows = np.lib.stride_tricks.sliding_window_view(expected, (5, 5))
    np.testing.assert_allclose(out, windows.mean((-1, -2)), rtol=0, atol=1e-6)


@every_filter
def test_threads_and_tiles_change_no_bits(make):
    spec = make()
    stack, maps = draw(spec, 13, 1, (DEPTH, 41, BLOCK + 9), np.float32)
    whole = spec(stack[:, 0], **maps, depth_axis=0)
    count = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert whole.tobytes() == spec(stack[:, 0], **maps, depth_axis=0).tobytes()
    finally:
        numba.set_num_threads(count)
    halo = spec.halo
    for first, start, stop in [(0, 0, 20), (2, 20, 41)]:  # two planes each, with one more on the side of the others
        planes, rows = slice(max(first - 1, 0), first + 3), slice(max(start - halo, 0), stop + halo)
        cut = np.s_[..., planes, rows, :]
        part = spec(stack[:, 0][cut], **{name: values[cut] for name, values in maps.items()}, depth_axis=0)
        top = start - rows.start
        got = part[first - planes.start :][:2, top : top + stop - start]
        np.testing.assert_array_equal(got, whole[first : first + 2, start:stop])


def test_axes_and_dtypes_of_stacks():
    spec = MAKERS["Bilateral"]()
    stack, _ = draw(spec, 14, 3, (DEPTH, HEIGHT, WIDTH), np.float32)
    counts = (stack * 255).astype(np.uint8)
    expected = spec(counts, 1.0, 0.2, depth_axis=0, channel_axis=1)
    moved = spec(np.moveaxis(counts, (0, 1), (2, -1)), 1.0, 0.2, depth_axis=2, channel_axis=-1)
    np.testing.assert_array_equal(np.moveaxis(moved, (2, -1), (0, 1)), expected)
    same = spec(counts, 1.0, 0.2, depth_axis=0, channel_axis=1, dtype="same")
    assert same.dtype == np.uint8
    np.testing.assert_array_equal(same, np.rint(expected * 255))
    sigma = np.full((HEIGHT, WIDTH), 1.0)  # one map for all planes
    np.testing.assert_array_equal(spec(counts, sigma, 0.2, depth_axis=0, channel_axis=1), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius_z": -1}, "radius_z is -1; expected a whole number, 0 or more"),
        ({"border_z": "constant"}, "border_z is 'constant'; expected one of omit, reflect"),
        ({"spacing": (1, 2)}, r"spacing is \(1, 2\); expected three numbers above 0"),
        ({"spacing": (1, 0, 1)}, r"spacing is \(1, 0, 1\); expected three numbers above 0"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        JointBilateral(radius=2, **settings)


@pytest.mark.parametrize("cls", [Reblur, AnisotropicUpsampling])
def test_filters_of_planes_alone(cls):
    with pytest.raises(ValueError, match=r"radius_z is 1 and spacing .*; expected 0"):
        cls(radius_z=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth_axis": None}, "image has shape .4, 7, 6.; expected .H, W."),
        ({"depth_axis": 3}, "depth_axis is 3; expected an axis"),
        ({"depth_axis": 0, "channel_axis": 0}, "image has shape .4, 7, 6.; expected 4 dimensions"),
        ({"depth_axis": 0, "mask": np.ones((3, 7, 6), bool)}, "mask has shape .3, 7, 6.; expected the image's"),
    ],
)
def test_wrong_calls(arguments, message):
    with pytest.raises(ValueError, match=message):
        MAKERS["Bilateral"]()(np.zeros((DEPTH, HEIGHT, WIDTH)), 1.0, 0.1, **arguments)


def test_wrong_positions_and_maps():
    spec, stack = MAKERS["Bilateral"](), np.zeros((DEPTH, HEIGHT, WIDTH))
    with pytest.raises(ValueError, match=r"position is \(4, 0, 0\); expected \(plane, row, column\) inside a stack"):
        spec.kernel_at(stack, (1.0, 0.1), (4, 0, 0), depth_axis=0)
    with pytest.raises(ValueError, match=r"sigma_space has shape \(3, 7, 6\); expected .* or \(4, 7, 6\)"):
        spec(stack, np.ones((3, 7, 6)), 0.1, depth_axis=0)


def test_masked_values_are_refused_in_stacks_too():
    stack = np.ma.masked_less(np.random.default_rng(15).random((DEPTH, HEIGHT, WIDTH)), 0.5)
    with pytest.raises(TypeError, match=r"image is an array with masked values; expected image.data, and mask="):
        MAKERS["Bilateral"]()(stack, 1.0, 0.1, depth_axis=0)
