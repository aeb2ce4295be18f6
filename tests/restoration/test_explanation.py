"""A pixel's explanation is what the filter does."""

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.filters import Pyramid
from pkn.restoration.explanation import level_shares

CAMERA = data.camera()[40:168, 150:310].astype(np.float32) / 255
NOISY = CAMERA + np.float32(0.1) * np.random.default_rng(0).standard_normal(CAMERA.shape).astype(np.float32)
RGB = np.stack([NOISY, NOISY[::-1], 1 - NOISY], -1)


@pytest.mark.parametrize("position", [(0, 0), (64, 80), (127, 100), (-3, 40)])
@pytest.mark.parametrize(
    ("net", "image", "axis"), [("any-noise", NOISY, None), ("any-noise", RGB, -1), ("bilateral", NOISY, None)]
)
def test_result_and_weights(net, image, axis, position):
    maps = pkn.predict_maps(image, net, sigma=0.1, channel_axis=axis)
    why = maps.explain(image, position)
    np.testing.assert_allclose(why.after, np.atleast_1d(maps.apply(image)[position]), rtol=1e-5)
    np.testing.assert_array_equal(why.before, np.atleast_1d(image[position]))
    for part, kernel in why.kernels.items():
        assert kernel.sum() == pytest.approx(1, abs=1e-4)
        heaviest = why.sources[part][0]
        assert heaviest.weight == pytest.approx(np.abs(kernel).max())
        assert {(s.row, s.column) for s in why.sources[part]} <= set(np.ndindex(maps.shape))
    assert str(why).count("became") == 1


@pytest.mark.parametrize(
    ("image", "axis", "place", "changed"),
    [
        (NOISY, None, (60, 71), [("sigma_range_0", 1), ("sigma_range_1", 2)]),
        (
            RGB,
            -1,
            (12, 12),
            [("luma_sigma_range_1", 2), ("chroma_sigma_range_3", 8)],
        ),  # where coarse chroma has a share
    ],
)
def test_changes_are_those_of_changed_maps(image, axis, place, changed):
    """Of fine and of coarse levels, of luma and of chroma; and the decisive one changes most."""
    maps = pkn.predict_maps(image, sigma=0.1, channel_axis=axis)
    why = maps.explain(image, place)
    for name, scale in changed:
        limits, results = maps.ranges[name], []
        for sign in (-1, 1):
            values = maps[name].copy()
            values[place[0] // scale, place[1] // scale] *= (limits.high / limits.low) ** (0.25 * sign)
            results.append(np.atleast_1d(maps.replace(**{name: values}).apply(image)[place]))
        np.testing.assert_allclose(why.changes[name], results, atol=1e-6)
        assert not np.allclose(*results)
    size = {name: np.linalg.norm(np.stack(change) - why.after, axis=1).max() for name, change in why.changes.items()}
    assert why.decisive == max(size, key=size.get)
    assert "decides" in str(why)


def test_shares_of_levels():
    """Constant blends: b, (1 - b) c, (1 - b) (1 - c); other filters have no levels."""
    flt = Pyramid(radius=2, features=1, levels=3)
    values = {}
    for name in flt.ranges:
        size = flt.map_size(name, (24, 36))
        values[name] = np.full((*flt.plane_shape(name), *size), {"blend_0": 0.25, "blend_1": 0.6}.get(name, 0.5))
    shares = level_shares(pkn.ParameterMaps(flt, values))[""]
    np.testing.assert_allclose(
        shares, np.broadcast_to(np.reshape([0.25, 0.45, 0.3], (3, 1, 1)), shares.shape), atol=1e-6
    )
    assert level_shares(pkn.predict_maps(NOISY, "bilateral")) == {}


def test_pictures_and_refusals():
    maps = pkn.predict_maps(RGB, channel_axis=-1)
    figure = maps.explain(RGB, (60, 70)).plot(RGB, channel_axis=-1)
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "around the pixel",
        "weights of luma",
        "weights of chroma",
    ]
    with pytest.raises(ValueError, match=r"position is \(500, 0\)"):
        maps.explain(RGB, (500, 0))
    enlarging = pkn.predict_maps(CAMERA, "upsample")
    with pytest.raises(ValueError, match="which enlarges images"):
        enlarging.explain(CAMERA, (5, 5))
