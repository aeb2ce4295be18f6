"""What every filter promises, tested for every filter: a new one in FILTERS inherits all of it.

Kernels compile for each filter, dtype, number of channels and for images with or without missing pixels; to keep a
cold run short, tests use radius 2 and either float32 with one channel or float64 with two.
"""

from functools import partial

import naive
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkn.filters import (
    FILTERS,
    AnisotropicUpsampling,
    FreeKernel,
    JointBilateral,
    LumaChromaPyramid,
    NonLocalMeans,
    Pyramid,
    ReblurUpsampling,
)
from pkn.filters.engine.borders import MODES
from pkn.filters.engine.window import BLOCK

SETTINGS = {NonLocalMeans: {"patch_radius": 1}, JointBilateral: {"features": 2}}
# Filters whose maps or output differ in size from the image have contracts in files of their own.
OTHER_SIZES = (Pyramid, LumaChromaPyramid, AnisotropicUpsampling, ReblurUpsampling)
MAKERS = {cls.__name__: partial(cls, radius=2, **SETTINGS.get(cls, {})) for cls in FILTERS if cls not in OTHER_SIZES}
MAKERS["FreeKernel tanh"] = partial(FreeKernel, radius=2, normalization="tanh")

QUICK = ("Bilateral", "NonLocalMeans")  # the gradients of the others in single precision are slow tests

every_filter = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
every_border = pytest.mark.parametrize("border", MODES)
masked_or_not = pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
PRECISIONS = {np.float32: 1, np.float64: 2}  # dtype: channels
WIDE = BLOCK + 6  # kernels work on blocks of columns: this makes two, of which the second is short


def draw_image(generator, dtype, height, width):
    return generator.random((PRECISIONS[dtype], height, width)).astype(dtype)


def draw_maps(spec, generator, dtype, height, width, margin=0.0):
    """Random maps within their ranges, less ``margin`` of the range at both ends."""
    maps = {}
    for name, r in spec.ranges.items():
        low, high = (np.log(r.low), np.log(r.high)) if r.logarithmic else (r.low, r.high)
        values = low + (high - low) * generator.uniform(margin, 1 - margin, (*spec.plane_shape(name), height, width))
        maps[name] = (np.exp(values) if r.logarithmic else values).clip(r.low, r.high).astype(dtype)
    return maps


def with_gaps(image, generator):
    """Set a corner and some single pixels to NaN or infinity, and draw a mask without some others."""
    image, mask = image.copy(), generator.random(image.shape[1:]) > 0.1
    image[0, generator.random(mask.shape) < 0.1] = np.nan
    image[-1, generator.random(mask.shape) < 0.03] = np.inf
    image[:, :4, :4] = np.nan  # the pixel at the corner has nothing in its window of radius 2, with any border but wrap
    return image, mask


def planar(spec, image, maps):
    """Image and maps as forward() takes them."""
    return image[None], spec.check_maps((), maps, image[None])


def window_bounds(image, radius, border):
    """Smallest and largest value of every window of a channel (C, H, W), without its NaN."""
    windows = np.lib.stride_tricks.sliding_window_view(
        naive.pad(image, radius, border), (2 * radius + 1, 2 * radius + 1), (1, 2)
    )
    return np.nanmin(windows, (-1, -2)), np.nanmax(windows, (-1, -2))


def assert_bit_identical(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def agree(out, reference, mass, dtype):
    # Weights below the smallest normal number are 0 in float32, but not in the reference.
    sure = (mass == 0) | (mass > 1e-25)
    assert sure.mean() > 0.9
    np.testing.assert_allclose(out[:, sure], reference[:, sure], rtol=0, atol=1e-5 if dtype == np.float32 else 1e-12)


@every_filter
@every_border
@masked_or_not
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_agrees_with_the_naive_reference(make, border, masked, dtype):
    spec, generator = make(border=border), np.random.default_rng(1)
    image, mask = draw_image(generator, dtype, 11, 9), None
    # Away from the ends of the ranges, since an h of 0.004 magnifies rounding of patch distances by 1 / h^2.
    maps = draw_maps(spec, generator, dtype, 11, 9, margin=0.2)
    if masked:
        image, mask = with_gaps(image, generator)
    out = spec(image, **maps, mask=mask, channel_axis=0)
    reference, mass = naive.apply(spec, image, maps, mask)
    assert out.dtype == dtype
    assert np.isnan(out[0, 0, 0]) == (masked and border not in ("wrap", "constant"))
    agree(out, reference, mass, dtype)


@every_filter
@every_border
def test_images_smaller_than_the_window(make, border):
    spec, generator = make(border=border), np.random.default_rng(2)
    for height, width in [(1, 1), (1, 7), (5, 1), (2, 3), (3, 2)]:
        image = draw_image(generator, np.float64, height, width)
        maps = draw_maps(spec, generator, np.float64, height, width, margin=0.2)
        out = spec(image, **maps, channel_axis=0)
        agree(out, *naive.apply(spec, image, maps), np.float64)


@pytest.mark.parametrize("name", ["AnisotropicBilateral", "NonLocalMeans"])
@pytest.mark.parametrize("channels", [3, 5])  # channels are unrolled up to four
def test_channels_share_weights(name, channels):
    spec, generator = MAKERS[name](), np.random.default_rng(3)
    image = generator.random((channels, 7, WIDE)).astype(np.float32)
    maps = draw_maps(spec, generator, np.float32, 7, WIDE, margin=0.2)
    out = spec(image.transpose(1, 2, 0), **maps, channel_axis=-1).transpose(2, 0, 1)
    agree(out, *naive.apply(spec, image, maps), np.float32)


def slope(function, step=1e-5):
    """The derivative at 0, by central differences of the fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


@every_filter
@every_border
@masked_or_not
def test_gradients_are_finite_differences(make, border, masked):
    spec, generator = make(border=border), np.random.default_rng(4)
    height, width = 19, 11  # three strips of rows
    image, mask = draw_image(generator, np.float64, height, width), None
    maps = draw_maps(spec, generator, np.float64, height, width, margin=0.1)
    if masked:
        image, mask = with_gaps(image, generator)
        mask = mask[None]
    image, maps = planar(spec, image, maps)
    v_out = generator.standard_normal(image.shape)
    _, residuals = spec.forward(image, maps, mask)
    v_image, v_maps = spec.vjp(residuals, v_out)
    assert type(v_maps) is type(maps)

    def loss(image, maps):
        return np.nansum(v_out * spec.forward(image, maps, mask)[0])

    toward = generator.standard_normal(image.shape)
    expected = slope(lambda t: loss(image + t * toward, maps))
    np.testing.assert_allclose(np.vdot(toward, v_image), expected, rtol=1e-6)
    for name, values in maps._asdict().items():
        toward = generator.standard_normal(values.shape) * values
        expected = slope(lambda t: loss(image, maps._replace(**{name: values + t * toward})))  # noqa: B023
        assert getattr(v_maps, name).shape == values.shape
        np.testing.assert_allclose(np.vdot(toward, getattr(v_maps, name)), expected, rtol=1e-6, atol=1e-8, err_msg=name)
    if masked:
        invalid = ~(np.isfinite(image).all(1) & mask)
        np.testing.assert_array_equal(np.moveaxis(v_image, 1, -1)[invalid], 0)
    v_none, v_maps_alone = spec.vjp(residuals, v_out, image_too=False)
    assert v_none is None
    for alone, both in zip(v_maps_alone, v_maps, strict=True):
        assert_bit_identical(alone, both)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in MAKERS])
def test_gradients_in_single_precision(name):
    spec, generator = MAKERS[name](), np.random.default_rng(5)
    image = draw_image(generator, np.float32, 19, WIDE)
    maps = draw_maps(spec, generator, np.float32, 19, WIDE, margin=0.3)
    v_out = generator.standard_normal((1, *image.shape)).astype(np.float32)
    _, residuals = spec.forward(*planar(spec, image, maps))
    v_image, v_maps = spec.vjp(residuals, v_out)
    assert v_image.dtype == np.float32
    # In double precision kernels for two channels are compiled already; the second channel is all 0.
    padding = [(0, 1), (0, 0), (0, 0)]
    double = np.pad(image.astype(np.float64), padding), {k: values.astype(np.float64) for k, values in maps.items()}
    _, residuals = spec.forward(*planar(spec, *double))
    reference, reference_maps = spec.vjp(residuals, np.pad(v_out[0].astype(np.float64), padding)[None])
    for v, expected in zip((v_image, *v_maps), (reference[:, :1], *reference_maps), strict=True):
        np.testing.assert_allclose(v, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@every_filter
@masked_or_not
def test_gradients_are_finite_at_the_ends_of_the_ranges(make, masked):
    spec, generator = make(), np.random.default_rng(6)
    image, mask = draw_image(generator, np.float64, 19, 11), None
    if masked:
        image, mask = with_gaps(image, generator)
        mask = mask[None]
    maps = {
        name: generator.choice([r.low, r.high], (*spec.plane_shape(name), 19, 11)) for name, r in spec.ranges.items()
    }
    _, residuals = spec.forward(*planar(spec, image, maps), mask)
    v_image, v_maps = spec.vjp(residuals, generator.standard_normal((1, *image.shape)))
    assert all(np.isfinite(v).all() for v in (v_image, *v_maps))


@every_filter
@every_border
@masked_or_not
def test_kernel_at_gives_the_weights(make, border, masked):
    spec, generator = make(border=border), np.random.default_rng(7)
    image, mask = draw_image(generator, np.float64, 7, 9), None
    maps = draw_maps(spec, generator, np.float64, 7, 9, margin=0.2)
    if masked:
        image, mask = with_gaps(image, generator)
    out = spec(image, **maps, mask=mask, channel_axis=0)
    padded, padded_mask = naive.split(image, mask, spec.reach, border)
    side = 2 * spec.reach + 1
    for row in range(7):
        for col in range(9):
            weights = spec.kernel_at(image, maps, (row, col), channel_axis=0, mask=mask)
            assert weights.shape == (side, side)
            window, mark = (
                padded[:, row : row + side, col : col + side],
                padded_mask[row : row + side, col : col + side],
            )
            np.testing.assert_allclose((weights * window).sum((1, 2)), out[:, row, col], rtol=0, atol=1e-12)
            if np.isfinite(out[0, row, col]):
                np.testing.assert_array_equal(weights[~mark], 0)
                assert not spec.convex or abs(weights.sum() - 1) < 1e-12
    np.testing.assert_array_equal(
        spec.kernel_at(image, tuple(maps.values()), (-1, -2), channel_axis=0, mask=mask),
        spec.kernel_at(image, maps, (6, 7), channel_axis=0, mask=mask),
    )


@every_filter
def test_impulse_response_is_the_transposed_kernel(make):
    spec, generator = make(border="constant"), np.random.default_rng(8)
    if any(r.unit == "image value" for r in spec.ranges.values()):
        pytest.skip("not linear in the image: its weights depend on it")
    image = draw_image(generator, np.float32, 9, 11)
    maps = draw_maps(spec, generator, np.float32, 9, 11)
    impulse = np.zeros_like(image)
    impulse[0, 4, 6] = 1
    response = spec(impulse[0], **maps)
    for row in range(9):
        for col in range(11):
            offset = 4 - row + spec.reach, 6 - col + spec.reach
            inside = all(0 <= at < 2 * spec.reach + 1 for at in offset)
            expected = spec.kernel_at(image[0], maps, (row, col))[offset] if inside else 0
            # A polynomial's weights are differences of larger numbers.
            np.testing.assert_allclose(
                response[row, col], expected, rtol=1e-5, atol=1e-7 if spec.reach == spec.radius else 1e-6
            )


@every_filter
@masked_or_not
@pytest.mark.parametrize("value", [0.0, 1 / 3, -0.1, 1e4, 1e-20])
def test_constants_come_back_bit_for_bit(make, masked, value):
    for border in ("reflect", "mirror", "nearest", "wrap"):
        spec, generator = make(border=border), np.random.default_rng(9)
        if not spec.convex:
            pytest.skip("the weights aren't normalised")
        image = np.full((1, 11, WIDE), value, np.float32)
        maps = draw_maps(spec, generator, np.float32, 11, WIDE)
        if masked:
            image[0, generator.random((11, WIDE)) < 0.2] = np.nan
        out = spec(image, **maps, channel_axis=0)
        there = np.isfinite(image)
        assert_bit_identical(out[there], image[there])
        # An invalid centre has no value to take differences to: the mean of equal values has rounding errors.
        filled = out[~there & np.isfinite(out)]
        np.testing.assert_allclose(filled, np.float32(value), rtol=1e-6)
        assert not masked or filled.size > 10


@every_filter
def test_strength(make):
    spec, generator = make(), np.random.default_rng(10)
    image = draw_image(generator, np.float32, 11, WIDE)
    maps = draw_maps(spec, generator, np.float32, 11, WIDE)
    full = spec(image, **maps, channel_axis=0)
    assert np.abs(full - image).mean() > 1e-3
    for name, values in spec.strengthen(maps, 1.0).items():
        assert_bit_identical(values, maps[name])
    assert_bit_identical(spec(image, **spec.strengthen(maps, 0.0), channel_axis=0), image)
    half = np.zeros((11, WIDE), np.float32)
    half[:, WIDE // 2 :] = 1
    mixed = spec(image, **spec.strengthen(maps, half), channel_axis=0)
    assert_bit_identical(mixed[..., : WIDE // 2], image[..., : WIDE // 2])
    assert_bit_identical(mixed[..., WIDE // 2 :], full[..., WIDE // 2 :])
    weak = spec(image, **spec.strengthen(maps, 0.5), channel_axis=0)
    assert 0 < np.abs(weak - image).mean() < np.abs(full - image).mean()


@every_filter
def test_missing_pixels_carry_no_weight(make):
    """The value of an invalid pixel doesn't matter: NaN, infinities and mask=False give the same result."""
    spec, generator = make(), np.random.default_rng(11)
    image = draw_image(generator, np.float32, 13, WIDE)
    maps = draw_maps(spec, generator, np.float32, 13, WIDE)
    gone = generator.random((13, WIDE)) < 0.2
    gone[3:10, 3:10] = True
    results = [spec(np.where(gone, hole, image), **maps, channel_axis=0) for hole in (np.nan, np.inf, -np.inf)]
    results += [spec(np.where(gone, hole, image), **maps, channel_axis=0, mask=~gone) for hole in (np.nan, 0.7, 3e38)]
    for result in results[1:]:
        assert_bit_identical(result, results[0])
    hopeless = np.isnan(results[0][0])
    assert hopeless[5:8, 5:8].all()  # no valid pixel in these windows
    windows = np.lib.stride_tricks.sliding_window_view(naive.pad(~gone, 2, "reflect"), (5, 5))
    near = windows.any((-1, -2))
    assert np.isnan(results[0][0][~near]).all()
    assert np.isfinite(results[0][0][~gone]).all()  # a valid pixel has a weight in its own window
    assert np.isfinite(results[0][0][near]).mean() > 0.9


@every_filter
def test_how_arrays_lie_in_memory_does_not_matter(make):
    spec, generator = make(), np.random.default_rng(12)
    image = draw_image(generator, np.float32, 11, WIDE)[0]
    maps = draw_maps(spec, generator, np.float32, 11, WIDE)
    mask = generator.random((11, WIDE)) > 0.1
    expected = spec(image, **maps, mask=mask)

    def strided(a):
        wide = np.full((*a.shape[:-2], 2 * a.shape[-2], 3 * a.shape[-1]), 77, a.dtype)
        wide[..., ::-2, 1::3] = a
        return wide[..., ::-2, 1::3]

    def read_only(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    for lay in (strided, read_only, np.asfortranarray):
        laid = lay(image), {name: lay(values) for name, values in maps.items()}, lay(mask)
        before = laid[0].copy()
        assert_bit_identical(spec(laid[0], **laid[1], mask=laid[2]), expected)
        assert_bit_identical(laid[0], before)


@pytest.fixture
def threads():
    """Sets the number of threads, and at the end what it was."""
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


@every_filter
@masked_or_not
def test_thread_count_changes_no_bits(make, masked, threads):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    spec, generator = make(), np.random.default_rng(13)
    image = draw_image(generator, np.float64, 75, WIDE)
    maps = draw_maps(spec, generator, np.float64, 75, WIDE)
    if masked:  # in one place, so that some strips have missing pixels and others none
        image[:, 11, 13:29] = np.nan
    image, maps = planar(spec, image, maps)
    v_out = generator.standard_normal(image.shape)
    results = []
    for count in (1, 2):
        threads(count)
        out, residuals = spec.forward(image, maps)
        v_image, v_maps = spec.vjp(residuals, v_out)
        results.append((out, v_image, *v_maps))
    for one, two in zip(*results, strict=True):
        assert_bit_identical(one, two)


def tiles(height, width, rows, columns, halo):
    """``(tile, with its halo, where the tile lies in that)`` for tiles of rows x columns."""
    for y in range(0, height, rows):
        for x in range(0, width, columns):
            top, left = max(y - halo, 0), max(x - halo, 0)
            wide = np.s_[..., top : min(y + rows, height) + halo, left : min(x + columns, width) + halo]
            yield (
                np.s_[..., y : y + rows, x : x + columns],
                wide,
                np.s_[..., y - top : y - top + rows, x - left : x - left + columns],
            )


@every_filter
@masked_or_not
@pytest.mark.parametrize(("rows", "columns"), [(41, 50), (16, 64), (13, 37), (41, BLOCK + 5), (5, WIDE), (8, 3)])
def test_tiling_changes_no_bits(make, masked, rows, columns):
    spec, generator = make(), np.random.default_rng(14)
    height, width = 41, WIDE
    image = draw_image(generator, np.float32, height, width)
    maps = draw_maps(spec, generator, np.float32, height, width)
    if masked:
        image[:, 20, 70:75] = np.nan
    whole = spec(image, **maps, channel_axis=0)
    tiled = np.full_like(whole, 7)
    for tile, wide, inner in tiles(height, width, rows, columns, spec.halo):
        part = spec(image[wide], **{name: values[wide] for name, values in maps.items()}, channel_axis=0)
        tiled[tile] = part[inner][..., : whole[tile].shape[-2], : whole[tile].shape[-1]]
    assert_bit_identical(tiled, whole)


@every_filter
@masked_or_not
def test_tiling_changes_no_bits_of_the_maps_cotangents(make, masked):
    spec, generator = make(), np.random.default_rng(15)
    height, width = 41, WIDE
    image = draw_image(generator, np.float64, height, width)
    maps = draw_maps(spec, generator, np.float64, height, width)
    if masked:
        image[:, 20, 70:75] = np.nan
    v_out = generator.standard_normal((1, *image.shape))
    _, residuals = spec.forward(*planar(spec, image, maps))
    _, whole = spec.vjp(residuals, v_out, image_too=False)
    for tile, wide, inner in tiles(height, width, 19, 61, spec.halo):
        _, residuals = spec.forward(*planar(spec, image[wide], {name: values[wide] for name, values in maps.items()}))
        _, part = spec.vjp(residuals, np.ascontiguousarray(v_out[wide]), image_too=False)
        for name, v_map, v_part in zip(spec.ranges, whole, part, strict=True):
            if name == "guide":  # other windows read it, as they read the image: its cotangent has twice the reach
                continue
            assert_bit_identical(v_part[inner][..., : v_map[tile].shape[-2], : v_map[tile].shape[-1]], v_map[tile])


@every_filter
def test_a_batch_is_its_images_one_by_one(make):
    spec, generator = make(), np.random.default_rng(16)
    images = np.stack([draw_image(generator, np.float64, 19, WIDE) for _ in range(2)])
    images[1, :, 5, 5] = np.nan  # only the second has a missing pixel
    maps = [spec.check_maps((), draw_maps(spec, generator, np.float64, 19, WIDE), images[:1]) for _ in range(2)]
    both = type(maps[0])(*(np.concatenate(pair) for pair in zip(*maps, strict=True)))
    valid = generator.random((2, 19, WIDE)) > 0.1
    v_out = generator.standard_normal(images.shape)
    for mask in (None, valid):
        out, residuals = spec.forward(images, both, mask)
        v_image, v_maps = spec.vjp(residuals, v_out)
        shared, _ = spec.forward(images, maps[0], None if mask is None else mask[:1])
        for n in range(2):
            one = np.s_[n : n + 1]
            single, residuals = spec.forward(images[one], maps[n], None if mask is None else mask[one])
            assert_bit_identical(single, out[one])
            v_single, v_single_maps = spec.vjp(residuals, v_out[one])
            assert_bit_identical(v_single, v_image[one])
            for v_map, v_of_both in zip(v_single_maps, v_maps, strict=True):
                assert_bit_identical(v_map, v_of_both[one])
            single, _ = spec.forward(images[one], maps[0], None if mask is None else mask[:1])
            assert_bit_identical(single, shared[one])


@every_filter
def test_one_value_is_a_map_full_of_it(make):
    spec, generator = make(), np.random.default_rng(17)
    image = draw_image(generator, np.float32, 11, WIDE)[0]
    single = {name: values[..., 0, 0] for name, values in draw_maps(spec, generator, np.float32, 1, 1).items()}
    full = {name: np.tile(values[..., None, None], (11, WIDE)) for name, values in single.items()}
    assert_bit_identical(spec(image, **single), spec(image, **full))
    np.testing.assert_array_equal(spec.kernel_at(image, single, (3, 4)), spec.kernel_at(image, full, (3, 4)))


@every_filter
@masked_or_not
@every_border
def test_convex_filters_stay_within_their_window(make, masked, border):
    spec, generator = make(border=border), np.random.default_rng(18)
    if not spec.convex:
        pytest.skip("not convex")
    image = draw_image(generator, np.float32, 13, WIDE) * 4 - 2
    maps = draw_maps(spec, generator, np.float32, 13, WIDE)
    if masked:
        image[0, generator.random((13, WIDE)) < 0.2] = np.nan
    out = spec(image, **maps, channel_axis=0)
    low, high = window_bounds(image, spec.radius, border)
    there = np.isfinite(out)
    assert there.mean() > 0.9
    rounding = 4e-6  # of sums of 25 values up to 2
    assert (out[there] >= low[there] - rounding).all()
    assert (out[there] <= high[there] + rounding).all()


ABSURD = [0.0, 1e-300, 1e-30, 1e-15, 1e-3, 1.0, 1e10, 1e30, 1e300, np.inf]
KINDS = {
    "uniform": lambda generator, size: generator.random(size),
    "huge": lambda generator, size: generator.choice([-1e4, 0.0, 1e4], size) + generator.random(size),
    "denormal": lambda generator, size: generator.random(size) * 1e-40,
    "zero": lambda generator, size: np.zeros(size),
}


@every_filter
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_absurd_parameters_give_finite_output(make, data):
    spec = make(border=data.draw(st.sampled_from(MODES)))
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.float16, np.float32, np.float64]))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    size = (2, height, width) if dtype == np.float64 else (height, width)
    if np.dtype(dtype).kind == "u":
        image = generator.integers(0, np.iinfo(dtype).max, size, dtype, endpoint=True)
    else:
        image = KINDS[data.draw(st.sampled_from(sorted(KINDS)))](generator, size).astype(dtype)
    maps = {}
    for name, r in spec.ranges.items():
        low, high = r.valid
        values = [v for v in (*ABSURD, *(-v for v in ABSURD), low, r.low, r.high, high) if low <= v <= high]
        shape = spec.plane_shape(name) + data.draw(st.sampled_from([(), (height, width)]))
        maps[name] = generator.choice(values, shape)
    out = spec(image, **maps, channel_axis=0 if image.ndim == 3 else None)
    assert out.shape == image.shape
    assert out.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert np.isfinite(out).all()
    if spec.convex and spec.border != "constant":
        unit = image / np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else image.astype(float)
        rounding = 4e-6 * np.abs(unit).max()
        assert out.min() >= unit.min() - rounding
        assert out.max() <= unit.max() + rounding


@every_filter
def test_what_a_filter_says_about_itself(make):
    spec = make()
    assert tuple(spec.ranges) == spec.Maps._fields
    for r in spec.ranges.values():
        assert r.valid[0] <= r.low < r.high <= r.valid[1]
        assert not r.logarithmic or r.low > 0
        assert r.strength in (-1, 0, 1)
    assert spec == make()
    assert hash(spec) == hash(make())
    with pytest.raises(AttributeError):
        spec.radius = 3


@pytest.mark.parametrize("width", [13.3, 1000.0, 1e15])
@pytest.mark.parametrize("kind", [AnisotropicUpsampling, ReblurUpsampling])
def test_narrow_kernels_are_finite_wherever_a_pixel_has_weight(kind, width):
    """Beside holes, where all weights are divided by the largest, and without."""
    image = np.random.default_rng(0).random((20, 23), np.float32)
    mask = np.ones(image.shape, bool)
    mask[8:12, 8:12] = False
    maps = dict.fromkeys(kind.ranges, 0.9) | {"kx": width, "ky": width}
    flt = kind(scale=2)
    for valid in (None, mask):
        out, residuals = flt.forward(
            image[None, None], flt.check_maps((), maps, image[None, None]), None if valid is None else valid[None]
        )
        assert np.isfinite(out).all()
    full = flt.Maps(*(np.full((1, 1, *image.shape), value, np.float32) for value in maps.values()))
    out, residuals = flt.forward(image[None, None], full, mask[None])
    v_image, v_maps = flt.vjp(residuals, np.ones_like(out))
    assert all(np.isfinite(values).all() for values in (v_image, *v_maps))
