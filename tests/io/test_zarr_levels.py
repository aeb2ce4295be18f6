"""Which resolution levels an OME-Zarr image has, by which factors, and where further ones would lie."""

import numpy as np
import pytest
import zarr

from pkn.io.ome_zarr import open_zarr
from pkn.io.zarr_levels import levels_of
from pkn.io.zarr_stores import create_like, storage_of


def image_of(path, shapes, scales=None, **further):
    """An OME-Zarr image with levels of these shapes."""
    datasets = [{"path": str(number)} for number in range(len(shapes))]
    for dataset, scale in zip(datasets, scales or (), strict=False):
        dataset["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    group = zarr.create_group(path, attributes={"ome": {"multiscales": [{"datasets": datasets, **further}]}})
    for number, shape in enumerate(shapes):
        group.create_array(str(number), shape=shape, dtype=np.uint8)
    return open_zarr(path)


@pytest.mark.parametrize(
    ("fine", "coarse", "scale", "factors"),
    [
        ((1, 8, 9), (1, 4, 5), None, (1, 2, 2)),  # rounded up
        ((4, 9, 9), (4, 4, 3), None, (1, 2, 3)),  # rounded down, and a third
        ((5, 40, 40), (3, 10, 40), None, (2, 4, 1)),
        ((1, 3, 3), (1, 1, 1), [1.0, 3.0, 2.0], (1, 3, 2)),  # sizes alone leave it open
        ((1, 1023, 9), (1, 511, 9), [1.0, 1023 / 511, 1.0], (1, 2, 1)),  # as writers say that divide sizes
    ],
)
def test_factors_follow_from_sizes_and_scales(tmp_path, fine, coarse, scale, factors):
    levels = levels_of(image_of(tmp_path / "a.zarr", [fine, coarse], scale and [[1.0] * 3, scale]))
    assert [level.shape for level in levels] == [fine, coarse]
    assert levels[1].factors == factors


@pytest.mark.parametrize("coarse", [(1, 67, 67), (1, 120, 50), (50, 50)])
def test_what_no_whole_number_explains_is_left_out(tmp_path, coarse):
    image = image_of(tmp_path / "a.zarr", [(1, 100, 100), coarse, (1, 25, 25)])
    with pytest.warns(UserWarning, match="levels 1 are left out") as caught:
        levels = levels_of(image)
    assert len(caught) == 1
    assert [level.dataset["path"] for level in levels] == ["0", "2"]
    assert levels[1].factors == (1, 4, 4)


def test_a_level_that_is_not_there_is_left_out(tmp_path):
    image = image_of(tmp_path / "a.zarr", [(8, 8), (4, 4)])
    image.multiscale["datasets"][1]["path"] = "elsewhere"
    with pytest.warns(UserWarning, match="elsewhere are left out"):
        assert len(levels_of(image)) == 1


def test_further_levels_halve_rows_and_columns(tmp_path):
    image = image_of(tmp_path / "a.zarr", [(3, 10, 7), (3, 5, 4)], [[5.0, 0.5, 0.25], [5.0, 1.0, 0.5]])
    assert len(levels_of(image)) == 2
    assert [level.shape for level in levels_of(image, 1)] == [(3, 10, 7)]
    levels = levels_of(image, 5)
    assert [level.shape for level in levels] == [(3, 10, 7), (3, 5, 4), (3, 3, 2), (3, 2, 1), (3, 1, 1)]
    assert [level.dataset["path"] for level in levels] == list("01234")
    assert levels[-1].factors == (1, 2, 1)
    scale, translation = levels[2].dataset["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [5.0, 2.0, 1.0]}
    # The second level has no translation, so its first pixel's centre counts as the origin.
    assert translation == {"type": "translation", "translation": [0.0, 0.5, 0.25]}
    scale, translation = levels[3].dataset["coordinateTransformations"]
    assert scale["scale"] == [5.0, 4.0, 2.0]
    assert translation["translation"] == [0.0, 1.5, 0.75]
    with pytest.raises(ValueError, match="levels is 6; expected at most 5 for planes of 10 x 7"):
        levels_of(image, 6)
    with pytest.raises(ValueError, match="levels is 0; expected a whole number"):
        levels_of(image, 0)


def test_older_versions_get_no_coordinates(tmp_path):
    assert levels_of(image_of(tmp_path / "a.zarr", [(8, 8)]), 2)[1].dataset == {"path": "1"}


def test_a_plain_array_has_one_level(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), dtype=np.uint8)
    image = open_zarr(tmp_path / "a.zarr")
    assert levels_of(image) == levels_of(image, 1)
    with pytest.raises(ValueError, match="levels is 2, but a plain Zarr array has one"):
        levels_of(image, 2)


def test_how_the_source_was_reduced_is_not_said_of_means(tmp_path):
    how = {"type": "gaussian", "metadata": {"method": "pyramid"}, "name": "cells"}
    image = image_of(tmp_path / "a.zarr", [(8, 8), (4, 4)], **how)
    create_like(image, levels_of(image), tmp_path / "b.zarr")
    create_like(image, levels_of(image, 1), tmp_path / "c.zarr")
    described = open_zarr(tmp_path / "b.zarr").multiscale
    assert (described["type"], described["name"], "metadata" in described) == ("mean", "cells", False)
    assert open_zarr(tmp_path / "c.zarr").multiscale == image.multiscale | {
        "datasets": image.multiscale["datasets"][:1]
    }


@pytest.mark.parametrize(
    "options",
    [
        {"zarr_format": 2, "compressors": None, "fill_value": 7, "dtype": ">u2", "order": "F"},
        {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}, "dtype": "f4"},
        {
            "zarr_format": 3,
            "shards": (8, 8),
            "compressors": zarr.codecs.GzipCodec(level=3),
            "filters": zarr.codecs.TransposeCodec(order=(1, 0)),
            "serializer": zarr.codecs.BytesCodec(endian="big"),
            "dimension_names": ("y", "x"),
            "dtype": "u2",
        },
        {"zarr_format": 3, "compressors": None, "chunk_key_encoding": {"name": "v2", "separator": "."}, "dtype": "u1"},
    ],
    ids=["v2", "v2 nested", "v3 sharded", "v3 plain"],
)
def test_storage_is_kept(tmp_path, options):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(20, 30), chunks=(4, 4), attributes={"sample": "cells"}, **options
    )
    new = zarr.create_array(tmp_path / "b.zarr", shape=(20, 30), **storage_of(array))
    assert new.metadata == array.metadata
