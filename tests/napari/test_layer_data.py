"""Layers that the plugin makes, with napari's own layers and viewer model, without Qt."""

import numpy as np
import pytest
from napari_needs import napari_installed

napari_installed()

from matplotlib.colors import LogNorm  # noqa: E402
from napari.components import ViewerModel  # noqa: E402
from napari.layers import Image, Layer  # noqa: E402

import pkn  # noqa: E402
from pkn.napari.denoised_layer import denoise_layer  # noqa: E402
from pkn.napari.layer_data import map_layers, part_layer, result_layer  # noqa: E402
from pkn.napari.on_screen import plane_of, visible_part  # noqa: E402
from pkn.napari.settings import Settings  # noqa: E402
from pkn.view.blocks import Area  # noqa: E402

FRAMES = np.random.default_rng(0).integers(90, 140, (3, 41, 53), np.uint16)
LOOK = {
    "name": "cells",
    "scale": (2, 0.5, 0.25),
    "translate": (1, 20, 30),
    "units": ("s", "um", "um"),
    "axis_labels": ("t", "y", "x"),
    "colormap": "green",
    "contrast_limits": (95, 130),
    "gamma": 0.8,
    "metadata": {"dye": "GFP"},
}


def frames(**more):
    return Image(FRAMES, **{**LOOK, **more})


def test_a_result_looks_as_its_layer():
    layer = frames()
    clean = Layer.create(*denoise_layer(layer, net="bilateral", luma=0.5))
    np.testing.assert_array_equal(
        clean.data, pkn.denoise(FRAMES, "bilateral", strength=0.5, stack_axes=0, dtype="same")
    )
    for name in ("scale", "translate", "units", "axis_labels", "contrast_limits", "gamma"):
        assert np.array_equal(getattr(clean, name), getattr(layer, name)), name
    assert clean.colormap.name == "green"
    assert clean.name == "cells denoised"
    assert clean.metadata["dye"] == "GFP"
    assert clean.metadata["pkn"]["net"] == "bilateral"
    assert "pkn" not in layer.metadata


def test_colour_and_noise_of_a_layer():
    photo = np.random.default_rng(0).integers(90, 140, (41, 53, 3), np.uint8)
    clean = Layer.create(*denoise_layer(Image(photo), luma=0.5, chroma=1.5, noise="sigma", sigma=10.2))
    assert clean.rgb
    wanted = pkn.denoise(photo, strength=(0.5, 1.5), sigma=0.04, channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(clean.data, wanted)
    with pytest.raises(ValueError, match=r"profile is 'no\.json'; expected a file that pkn\.NoiseProfile.save wrote"):
        denoise_layer(Image(photo), noise="profile", profile="no.json")
    with pytest.raises(ValueError, match="noise is 'known'; expected one of estimated, sigma, profile"):
        denoise_layer(Image(photo), noise="known")


def test_of_several_resolutions_the_finest_is_denoised():
    image = np.random.default_rng(0).normal(0.5, 0.1, (80, 64)).astype(np.float32)
    clean = Layer.create(*denoise_layer(Image([image, image[::2, ::2]], multiscale=True, scale=(3, 3))))
    np.testing.assert_array_equal(clean.data, pkn.denoise(image))
    assert not clean.multiscale
    assert clean.scale.tolist() == [3, 3]


@pytest.mark.parametrize(
    "turned", [{}, {"rotate": 30}, {"affine": [[1, 0.2, 3], [0, 1, 4], [0, 0, 1]]}, {"shear": [0.3]}]
)
def test_parts_lie_where_they_were_cut(turned):
    layer = Image(FRAMES[0], scale=(0.5, 0.25), translate=(20, 30), **turned)
    part = Layer.create(*part_layer(layer, FRAMES[0, 7:20, 11:40], (7, 11), Settings(), "part"))
    for at in ((0, 0), (12, 3), (5, 28)):
        here = np.add(at, (7, 11))
        np.testing.assert_allclose(part.data_to_world(at), layer.data_to_world(here), atol=1e-9)
        assert part.data[at] == layer.data[tuple(here)]


def test_parts_lie_in_their_plane():
    layer = frames()
    part = Layer.create(*part_layer(layer, FRAMES[2, 7:20, 11:40], (2, 7, 11), Settings(), "part"))
    assert part.data.shape == (1, 13, 29)
    np.testing.assert_allclose(part.data_to_world((0, 1, 2)), layer.data_to_world((2, 8, 13)))


def test_maps_in_plain_units():
    layer = frames()
    maps = pkn.predict_maps(FRAMES[1])
    made = [Layer.create(*each) for each in map_layers(layer, maps, FRAMES[1], (1,))]
    readable = maps.readable(FRAMES[1])
    assert [each.name for each in made] == [
        "radius [px] of cells",
        "direction [degrees] of cells",
        "pixels of cells",
        "coarser of cells",
    ]
    assert [each.visible for each in made] == [True, False, False, False]
    for each, wanted in zip(made, readable.values(), strict=True):
        np.testing.assert_array_equal(each.data[0], wanted.values)
        assert each.contrast_limits == [wanted.low, wanted.high]
        assert each.colormap.name == ("hsv" if wanted.scale == "cyclic" else "gray")
        np.testing.assert_allclose(each.data_to_world((0, 40, 52)), layer.data_to_world((1, 40, 52)))
        assert each.units == layer.units
    assert made[2].gamma < 0.5


@pytest.mark.parametrize("rgb", [False, True])
def test_maps_of_coarser_levels_lie_over_their_pixels(rgb):
    image = np.random.default_rng(0).integers(90, 140, (41, 53, 3), np.uint8)
    image = image if rgb else image[..., 0]
    layer = Image(image, scale=(0.5, 0.25), translate=(20, 30), name="photo")
    maps = pkn.predict_maps(image, channel_axis=-1 if rgb else None)
    made = {each[1]["name"].split(" of ")[0]: Layer.create(*each) for each in map_layers(layer, maps, None, ())}
    assert len(made) == sum(np.prod(values.shape[:-2], dtype=int) for values in maps.values())
    prefix = "luma_" if rgb else ""
    for level in range(3):
        each = made[f"{prefix}kx_{level} [1/px]"]
        np.testing.assert_array_equal(each.data, maps[f"{prefix}kx_{level}"])
        width = 2**level  # the first pixel covers so many rows and columns of the layer
        corner = each.data_to_world((-0.5, -0.5)), each.data_to_world((0.5, 0.5))
        np.testing.assert_allclose(corner[0], layer.data_to_world((-0.5, -0.5)))
        np.testing.assert_allclose(corner[1], layer.data_to_world((width - 0.5, width - 0.5)))
        assert each.colormap.name == "gray_r"  # white where more is averaged
    np.testing.assert_array_equal(made[f"{prefix}guide_1[2]"].data, maps[f"{prefix}guide_1"][2])


def test_gamma_brings_the_middle_of_a_logarithmic_range_to_the_middle():
    from pkn.napari.layer_data import _gamma

    gamma = _gamma(LogNorm(1, 16))
    assert ((4 - 1) / 15) ** gamma == pytest.approx(0.5)
    assert _gamma(LogNorm(1, 1e9)) == 0.2


def test_the_plane_and_part_that_are_shown():
    viewer, layer = ViewerModel(), frames()
    viewer.add_layer(layer)
    viewer.dims.set_point(0, 1 + 2 * 2)  # seconds: translate and scale
    assert plane_of(viewer, layer) == (2,)
    assert visible_part(layer) == Area(0, 0, 41, 53)  # nothing is drawn yet
    layer.corner_pixels = np.array([[0, 5, 6], [0, 20, 52]])
    assert visible_part(layer) == Area(5, 6, 21, 53)
    viewer.dims.ndisplay = 3
    with pytest.raises(ValueError, match="expected the 2D view of the last two axes"):
        plane_of(viewer, layer)
    viewer.dims.ndisplay, viewer.dims.order = 2, (1, 0, 2)
    with pytest.raises(ValueError, match="doesn't show rows and columns"):
        plane_of(viewer, layer)


def test_the_part_of_a_coarser_resolution_is_one_of_the_finest():
    image = np.zeros((80, 64), np.float32)
    layer = Image([image, image[::2, ::2], image[::4, ::4]], multiscale=True)
    layer._data_level = 1
    layer.corner_pixels = np.array([[4, 6], [10, 31]])
    assert visible_part(layer) == Area(8, 12, 21, 63)
    assert result_layer(layer, image, Settings(), "x")[1]["multiscale"] is False
