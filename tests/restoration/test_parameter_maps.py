"""Parameter maps: a mapping that can be edited, saved, applied with bit-identical results without torch, and drawn."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from pkn import ParameterMaps
from pkn.filters import Bilateral, FreeKernel
from pkn.io import npz
from pkn.restoration import map_files

SIZE = (12, 17)


@pytest.fixture
def image():
    return np.random.default_rng(0).random(SIZE, np.float32)


@pytest.fixture
def maps():
    random = np.random.default_rng(1)
    values = {"sigma_space": random.uniform(1, 3, SIZE), "sigma_range": random.uniform(0.1, 0.3, SIZE)}
    return ParameterMaps(Bilateral(2), values, None, {"net": "by hand", "sigma": 0.1})


@pytest.fixture
def free():
    logits = np.random.default_rng(2).standard_normal((3, 3, *SIZE))
    return ParameterMaps(FreeKernel(1), {"logits": logits})


def test_is_a_mapping_with_units(maps):
    assert list(maps) == ["sigma_space", "sigma_range"]
    assert len(maps) == 2
    assert maps["sigma_space"].shape == maps.shape == SIZE
    assert maps.ranges["sigma_space"].unit == "px"
    assert "sigma_range" in repr(maps)


def test_applies_the_filter(maps, image):
    expected = Bilateral(2)(image, maps["sigma_space"], maps["sigma_range"])
    assert np.array_equal(maps.apply(image), expected)


def test_edits_in_place_and_by_copy(maps, image):
    before = maps.apply(image)
    other = maps.replace(sigma_range=maps["sigma_range"] * 0)
    assert np.array_equal(other.apply(image), image)
    assert np.array_equal(maps.apply(image), before)
    maps["sigma_range"][:] = 0
    assert np.array_equal(maps.apply(image), image)


def test_does_not_share_memory_with_what_it_was_made_of():
    mine = np.ones(SIZE, np.float32)
    maps = ParameterMaps(Bilateral(2), {"sigma_space": mine, "sigma_range": mine})
    mine[:] = 0
    assert maps["sigma_space"].min() == 1


@pytest.mark.parametrize("name", ["maps.npz", "maps.tif", "maps.TIFF"])
@pytest.mark.parametrize("kind", ["maps", "free"])
def test_saved_maps_are_bit_identical(request, tmp_path, kind, name, image):
    maps = request.getfixturevalue(kind)
    maps.save(tmp_path / name)
    loaded = ParameterMaps.load(tmp_path / name)
    assert loaded.filter == maps.filter
    assert loaded.provenance == maps.provenance
    assert all(np.array_equal(loaded[key], maps[key]) for key in maps)
    assert np.array_equal(loaded.apply(image), maps.apply(image))


def test_tiff_opens_anywhere_as_float_pages(tmp_path, maps):
    import tifffile

    maps.save(tmp_path / "maps.tif")
    pages = tifffile.imread(tmp_path / "maps.tif")
    assert pages.dtype == np.float32
    assert np.array_equal(pages[1], maps["sigma_range"])
    with tifffile.TiffFile(tmp_path / "maps.tif") as stored:
        assert '"unit": "px"' in stored.pages[0].description


def test_replays_without_torch(tmp_path, maps, image):
    maps.save(tmp_path / "maps.npz")
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np, pkn\n"
        "np.save('out.npy', pkn.ParameterMaps.load('maps.npz').apply(np.load('image.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert np.array_equal(np.load(tmp_path / "out.npy"), maps.apply(image))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sigma_space": np.ones(SIZE)}, "expected .*sigma_range"),
        ({"sigma_space": np.ones(SIZE), "sigma_range": np.ones((3, 3))}, "one image"),
        ({"sigma_space": np.ones(SIZE), "sigma_range": -np.ones(SIZE)}, "sigma_range is .*expected 0"),
        ({"sigma_space": np.ones(SIZE), "sigma_range": np.full(SIZE, np.nan)}, "sigma_range is NaN"),
    ],
)
def test_maps_that_are_not_the_filters_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ParameterMaps(Bilateral(2), values)


def test_an_image_of_another_size_is_refused(maps):
    with pytest.raises(ValueError, match="sigma_space has shape"):
        maps.apply(np.zeros((5, 5)))


@pytest.mark.parametrize("name", ["x.npz", "x.tif"])
def test_a_broken_file_is_refused(tmp_path, maps, name):
    path = tmp_path / name
    maps.save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cannot read .* as parameter maps"):
            ParameterMaps.load(path)


def test_a_pickle_in_npz_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", header=np.array("{}"), sigma_space=np.array([{}], object))
    with pytest.raises(ValueError, match="cannot read"):
        ParameterMaps.load(tmp_path / "x.npz")


def test_bombs_are_refused(tmp_path, maps, monkeypatch):
    for name in ("x.npz", "x.tif"):
        maps.save(tmp_path / name)
    maps.save(tmp_path / "whole.npz")
    header = json.loads(str(np.load(tmp_path / "whole.npz")["header"]))
    header["filter"]["radius"] = 10**9
    np.savez(tmp_path / "radius.npz", header=np.array(json.dumps(header)), **maps.values_by_name)
    with pytest.raises(ValueError, match="expected at most 1024"):
        ParameterMaps.load(tmp_path / "radius.npz")
    monkeypatch.setattr(map_files, "LARGEST", 1000)
    monkeypatch.setattr(npz.read_npz, "__defaults__", (None, 1000))
    for name in ("x.npz", "x.tif"):
        with pytest.raises(ValueError, match="bytes, more than 1000"):
            ParameterMaps.load(tmp_path / name)


def test_an_unknown_suffix_leaves_nothing(tmp_path, maps):
    with pytest.raises(ValueError, match=r"expected a name that ends in \.npz"):
        maps.save(tmp_path / "maps.pickle")
    assert not list(tmp_path.iterdir())


def test_pictures(tmp_path, maps, free):
    assert [path.name for path in maps.to_png(tmp_path / "new")] == ["sigma_space.png", "sigma_range.png"]
    picture = imread(tmp_path / "new" / "sigma_space.png")
    assert picture[..., :3].std() > 0.1
    figure, axes = maps.plot()
    assert len(axes) == 2
    assert len(figure.axes) == 4  # each map with its colour bar
    assert figure.axes[2].get_ylabel() == "sigma_space [px]"
    names = [axes.get_title().partition(":")[0] for axes in maps.plot(np.zeros(maps.shape))[1]]
    assert names == ["radius", "direction", "pixels", "sigma_space", "sigma_range"]


def test_colours_are_not_stretched_over_next_to_nothing(maps):
    _, axes = maps.replace(sigma_space=np.linspace(2, 2.01, maps["sigma_space"].size).reshape(maps.shape)).plot()
    low, high = axes[0].images[0].get_clim()
    assert high / low > 1.3
