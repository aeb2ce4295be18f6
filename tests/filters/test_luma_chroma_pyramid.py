"""Luma and chroma: two pyramids on planes of their own; what each promises holds for its planes."""

import numba
import numpy as np
import pytest
from maps import draw_maps

from pkn.filters import LumaChromaPyramid, Pyramid
from pkn.filters.engine.channels import mix
from pkn.filters.luma_chroma_pyramid import TO_OPPONENT, TO_RGB, to_opponent, to_rgb

SPEC = LumaChromaPyramid(radius=2, features=2, levels=2)
masked_or_not = pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])


def arrays(flt, size, seed=0):
    maps = draw_maps(flt, np.random.default_rng(seed), 1, *size)
    return flt.Maps(*(values.detach().numpy() for values in maps))


def drawn(size, masked, seed=0):
    random = np.random.default_rng(seed)
    image, mask = random.random((1, 3, *size)), None
    if masked:
        mask = random.random((1, *size)) > 0.2
        image[:, :, random.random(size) < 0.05] = np.nan
    return image, mask


def test_the_transform_is_orthonormal_but_for_a_factor_and_mixes_as_numpy_does():
    np.testing.assert_allclose(3 * TO_OPPONENT @ TO_OPPONENT.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(TO_RGB @ TO_OPPONENT, np.eye(3), atol=1e-15)
    image = np.random.default_rng(0).random((2, 3, 5, 7))
    np.testing.assert_allclose(mix(TO_RGB, image), np.einsum("pc,nchw->nphw", TO_RGB, image), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(to_opponent(image)[:, 0], image.mean(1), rtol=1e-14)
    np.testing.assert_allclose(to_rgb(to_opponent(image)), image, rtol=1e-13)


@masked_or_not
def test_is_two_pyramids_of_opponent_planes(masked):
    size = (19, 14)
    image, mask = drawn(size, masked)
    maps = arrays(SPEC, size)
    planes = to_opponent(image)
    luma, chroma = Pyramid(2, features=2, levels=2), Pyramid(2, features=2, levels=3, first=1)
    parts = [("luma", luma, planes[:, :1]), ("chroma", chroma, planes[:, 1:])]
    expected = [
        flt.forward(own, flt.Maps(*(getattr(maps, f"{name}_{field}") for field in flt.Maps._fields)), mask)[0]
        for name, flt, own in parts
    ]
    out, _ = SPEC.forward(image, maps, mask)
    np.testing.assert_allclose(out, to_rgb(np.concatenate(expected, axis=1)), rtol=1e-12)


@masked_or_not
def test_gradients_are_finite_differences(masked):
    size = (13, 18)
    image, mask = drawn(size, masked)
    maps, random = arrays(SPEC, size), np.random.default_rng(2)
    out, residuals = SPEC.forward(image, maps, mask)
    v_out = random.standard_normal(out.shape)
    v_image, v_maps = SPEC.vjp(residuals, v_out)
    toward = random.standard_normal(image.shape)
    high, low = (np.nansum(v_out * SPEC.forward(image + t * toward, maps, mask)[0]) for t in (1e-6, -1e-6))
    np.testing.assert_allclose(np.vdot(toward, v_image), (high - low) / 2e-6, rtol=1e-6)
    for name, values in maps._asdict().items():
        toward = random.standard_normal(values.shape) * values
        moved = [maps._replace(**{name: values + t * toward}) for t in (1e-6, -1e-6)]
        high, low = (np.nansum(v_out * SPEC.forward(image, each, mask)[0]) for each in moved)
        np.testing.assert_allclose(
            np.vdot(toward, getattr(v_maps, name)), (high - low) / 2e-6, rtol=1e-5, atol=1e-9, err_msg=name
        )


@masked_or_not
def test_kernel_at_gives_the_weights_of_luma_and_of_chroma(masked):
    size, spec = (21, 26), SPEC
    image, mask = drawn(size, masked)
    mask = None if mask is None else mask[0]
    maps = {
        name: values[0] if values.shape[1] > 1 else values[0, 0]
        for name, values in arrays(spec, size)._asdict().items()
    }
    out = to_opponent(spec(image[0], **maps, mask=mask, channel_axis=0)[None])[0]
    seen = np.isfinite(image[0]).all(0) & (True if mask is None else mask)
    planes = np.where(seen, to_opponent(np.nan_to_num(image))[0], 0)
    around = spec.reach
    padded = np.pad(planes, [(0, 0), (around, around), (around, around)], mode="symmetric")
    for row, col in ((0, 0), (7, 13), (20, 25)):
        weights = spec.kernel_at(image[0], maps, (row, col), channel_axis=0, mask=mask)
        assert weights.shape == (2, 2 * around + 1, 2 * around + 1)
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum((1, 2)), 1, atol=1e-12)
        window = padded[:, row : row + 2 * around + 1, col : col + 2 * around + 1]
        found = [(weights[min(k, 1)] * window[k]).sum() for k in range(3)]
        np.testing.assert_allclose(found, out[:, row, col], atol=1e-12)


def test_no_plane_leaves_its_range():
    """The guarantee: averages of luma, and of each chroma plane, with positive weights."""
    image, _ = drawn((40, 50), False, seed=3)
    out, _ = SPEC.forward(image, arrays(SPEC, (40, 50)))
    for before, after in zip(to_opponent(image)[0], to_opponent(out)[0], strict=True):
        assert before.min() - 1e-12 <= after.min() <= after.max() <= before.max() + 1e-12


def test_strength_is_for_both_or_for_each():
    image, _ = drawn((24, 30), False)
    maps = arrays(SPEC, (24, 30))._asdict()

    def filtered(strength):
        changed = SPEC.strengthen({name: values[0] for name, values in maps.items()}, strength)
        out, _ = SPEC.forward(image, SPEC.Maps(*(changed[name][None].astype(np.float64) for name in maps)))
        return to_opponent(out)[0]

    luma, chroma = np.split(to_opponent(image)[0], [1])
    both, only_luma, only_chroma = filtered(0), filtered((1, 0)), filtered((0, 1))
    np.testing.assert_allclose(both, to_opponent(image)[0], atol=1e-6)
    np.testing.assert_allclose(only_luma[1:], chroma, atol=1e-6)
    np.testing.assert_allclose(only_chroma[:1], luma, atol=1e-6)
    assert np.abs(only_luma[:1] - luma).mean() > 0.01
    assert np.abs(only_chroma[1:] - chroma).mean() > 0.01


def test_bits_do_not_depend_on_threads():
    image, maps = drawn((90, 300), False)[0].astype(np.float32), arrays(SPEC, (90, 300))
    maps = SPEC.Maps(*(values.astype(np.float32) for values in maps))
    results = []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        out, residuals = SPEC.forward(image, maps)
        results.append((out, *SPEC.vjp(residuals, out)[1]))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_image_must_be_rgb():
    with pytest.raises(ValueError, match="image has 1 channels; expected 3, RGB"):
        SPEC.forward(np.zeros((1, 1, 8, 8)), arrays(SPEC, (8, 8)))
    with pytest.raises(ValueError, match="first is 2; expected less than the number of levels, 2"):
        Pyramid(levels=2, first=2)
