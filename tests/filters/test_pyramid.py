"""The pyramid's contract: that of test_contract.py, with maps whose sizes are halved from level to level."""

import naive
import numba
import numpy as np
import pytest

from pkn.filters import JointBilateral, Pyramid
from pkn.filters.engine.borders import MODES
from pkn.filters.engine.pyramid_levels import double, double_adjoint, halve, halve_adjoint, level_size

SPEC = Pyramid(radius=2, features=2, levels=3)
masked_or_not = pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
every_border = pytest.mark.parametrize("border", MODES)


def draw_maps(spec, generator, dtype, size):
    maps = {}
    for name, r in spec.ranges.items():
        values = generator.uniform(0.2, 0.8, spec.plane_shape(name) + spec.map_size(name, size))
        low, high = (np.log(r.low), np.log(r.high)) if r.logarithmic else (r.low, r.high)
        maps[name] = (np.exp(low + (high - low) * values) if r.logarithmic else low + (high - low) * values).astype(
            dtype
        )
    return maps


def with_gaps(image, generator):
    mask = generator.random(image.shape[1:]) > 0.3
    mask[:5, :6] = mask.size < 100
    image = image.copy()
    image[-1, generator.random(mask.shape) < 0.05] = np.nan
    return image, mask


@every_border
@masked_or_not
@pytest.mark.parametrize("size", [(16, 12), (11, 13), (1, 5), (2, 1)])
def test_agrees_with_the_naive_reference(border, masked, size):
    spec, generator = Pyramid(2, border, features=2, levels=3), np.random.default_rng(1)
    image, mask, maps = generator.random((2, *size)), None, draw_maps(SPEC, generator, np.float64, size)
    if masked:
        image, mask = with_gaps(image, generator)
    reference = naive.pyramid(image, mask, maps, 2, border, 3)
    np.testing.assert_allclose(spec(image, **maps, mask=mask, channel_axis=0), reference, rtol=0, atol=1e-12)


@masked_or_not
def test_gradients_are_finite_differences(masked):
    generator, size = np.random.default_rng(2), (19, 14)
    image, mask = generator.random((2, *size)), None
    if masked:
        image, mask = with_gaps(image, generator)
        mask = mask[None]
    maps = SPEC.check_maps((), draw_maps(SPEC, generator, np.float64, size), image[None])
    image = image[None]
    out, residuals = SPEC.forward(image, maps, mask)
    v_out = generator.standard_normal(out.shape)
    v_image, v_maps = SPEC.vjp(residuals, v_out)

    def slope_of(at):
        step = 1e-6
        return (np.nansum(v_out * at(step)) - np.nansum(v_out * at(-step))) / (2 * step)

    toward = generator.standard_normal(image.shape)
    expected = slope_of(lambda t: SPEC.forward(image + t * toward, maps, mask)[0])
    np.testing.assert_allclose(np.vdot(toward, v_image), expected, rtol=1e-6)
    for name, values in maps._asdict().items():
        toward = generator.standard_normal(values.shape) * values
        moved = [maps._replace(**{name: values + t * toward}) for t in (1e-6, -1e-6)]
        high, low = (np.nansum(v_out * SPEC.forward(image, each, mask)[0]) for each in moved)
        np.testing.assert_allclose(np.vdot(toward, getattr(v_maps, name)), (high - low) / 2e-6, rtol=1e-5, err_msg=name)
    v_none, alone = SPEC.vjp(residuals, v_out, image_too=False)
    assert v_none is None
    for one, both in zip(alone, v_maps, strict=True):
        np.testing.assert_array_equal(one, both)


@every_border
@masked_or_not
def test_kernel_at_gives_the_weights(border, masked):
    spec, generator, size = Pyramid(2, border, features=2, levels=3), np.random.default_rng(3), (21, 26)
    image, mask, maps = generator.random((1, *size)), None, draw_maps(SPEC, generator, np.float64, size)
    if masked:
        image, mask = with_gaps(image, generator)
    out = spec(image, **maps, mask=mask, channel_axis=0)[0]
    padded, padded_mask = naive.split(image, mask, spec.reach, border)
    side = 2 * spec.reach + 1
    for row in (0, 1, 7, 12, 20):
        for col in (0, 5, 13, 25):
            weights = spec.kernel_at(image, maps, (row, col), channel_axis=0, mask=mask)
            if np.isnan(out[row, col]):
                assert np.isnan(weights).all()
                continue
            window, mark = (each[..., row : row + side, col : col + side] for each in (padded, padded_mask))
            np.testing.assert_allclose((weights * window[0]).sum(), out[row, col], rtol=0, atol=1e-12)
            assert (weights >= 0).all()
            np.testing.assert_array_equal(weights[~mark], 0)
            if border != "constant":  # whose zeros outside have weights too
                assert weights.sum() == pytest.approx(1, abs=1e-12)


@masked_or_not
def test_constants_and_missing_pixels(masked):
    generator, size = np.random.default_rng(4), (37, 139)
    maps, image = draw_maps(SPEC, generator, np.float32, size), np.full(size, 1 / 3, np.float32)
    if masked:
        image[generator.random(size) < 0.2] = np.nan
        image[5:25, 5:25] = np.nan
    out = SPEC(image, **maps)
    if masked:
        np.testing.assert_allclose(out[np.isfinite(out)], np.float32(1 / 3), rtol=1e-6)
        assert np.isfinite(out[np.isfinite(image)]).all()
        assert np.isfinite(out[15, 15])  # the window of the coarsest level is wider than a gap of this size
    else:
        np.testing.assert_array_equal(out, image)


def test_strength():
    generator, size = np.random.default_rng(5), (24, 40)
    image, maps = generator.random(size).astype(np.float32), draw_maps(SPEC, generator, np.float32, size)
    full = SPEC(image, **maps)
    np.testing.assert_array_equal(SPEC(image, **SPEC.strengthen(maps, 1.0)), full)
    np.testing.assert_array_equal(SPEC(image, **SPEC.strengthen(maps, 0.0)), image)
    left = np.ones(size, np.float32)
    left[:, :20] = 0
    mixed = SPEC(image, **SPEC.strengthen(maps, left))
    np.testing.assert_array_equal(mixed[:, :20], image[:, :20])
    weak = SPEC(image, **SPEC.strengthen(maps, 0.5))
    assert 0 < np.abs(weak - image).mean() < np.abs(full - image).mean()


def test_threads_and_batches_change_no_bits():
    generator, size = np.random.default_rng(6), (75, 134)
    images = generator.random((2, 1, *size))
    maps = SPEC.check_maps((), draw_maps(SPEC, generator, np.float64, size), images[:1])
    before = numba.get_num_threads()
    outs = []
    try:
        for count in {1, numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(count)
            outs.append(SPEC.forward(images, maps)[0])
    finally:
        numba.set_num_threads(before)
    for out in outs:
        np.testing.assert_array_equal(out, outs[0])
        np.testing.assert_array_equal(out[1:], SPEC.forward(images[1:], maps)[0])


@masked_or_not
def test_aligned_tiles_change_no_bits(masked):
    generator, (height, width) = np.random.default_rng(7), (53, 150)
    image, maps = generator.random((height, width)).astype(np.float32), None
    maps = draw_maps(SPEC, generator, np.float32, (height, width))
    if masked:
        image[20, 70:75] = np.nan
    whole = SPEC(image, **maps)
    halo = -(-SPEC.halo // 4) * 4
    for top in range(0, height, 16):
        for left in range(0, width, 64):
            y, x = max(top - halo, 0), max(left - halo, 0)
            bottom, right = min(top + 16 + halo, height), min(left + 64 + halo, width)
            own = {}
            for name, values in maps.items():
                scale = 2 ** SPEC.level_of(name)
                own[name] = values[..., y // scale : -(-bottom // scale), x // scale : -(-right // scale)]
            part = SPEC(image[y:bottom, x:right], **own)[top - y :, left - x :][:16, :64]
            np.testing.assert_array_equal(part, whole[top : top + 16, left : left + 64])


def test_stays_within_the_image():
    generator, size = np.random.default_rng(8), (40, 41)
    image = generator.random(size).astype(np.float32) * 4 - 2
    out = SPEC(image, **draw_maps(SPEC, generator, np.float32, size))
    assert image.min() - 1e-6 <= out.min() <= out.max() <= image.max() + 1e-6


def test_one_level_is_the_joint_bilateral_filter():
    generator, size = np.random.default_rng(9), (20, 30)
    spec, single = Pyramid(2, features=2, levels=1), JointBilateral(2, features=2)
    image, maps = generator.random(size).astype(np.float32), draw_maps(spec, generator, np.float32, size)
    expected = single(image, **{name.removesuffix("_0"): values for name, values in maps.items()})
    np.testing.assert_array_equal(spec(image, **maps), expected)


@pytest.mark.parametrize("size", [(8, 6), (7, 9), (1, 5), (2, 1)])
def test_levels_have_adjoints(size):
    generator = np.random.default_rng(10)
    image, half = generator.random((2, *size)), halve(generator.random((2, *size)))
    assert half.shape[1:] == level_size(size, 1)
    v_half, v_image = generator.random(half.shape), generator.random(image.shape)
    assert np.vdot(v_half, halve(image)) == pytest.approx(np.vdot(halve_adjoint(v_half, size), image))
    assert np.vdot(v_image, double(half, size)) == pytest.approx(np.vdot(double_adjoint(v_image, half.shape[1:]), half))


@pytest.mark.parametrize(("settings", "named"), [({"levels": 0}, "levels"), ({"features": 9}, "features")])
def test_refuses_bad_settings(settings, named):
    with pytest.raises(ValueError, match=named):
        Pyramid(**settings)
