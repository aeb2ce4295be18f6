"""Maps of a volume: exact weights, readable planes, files, figures and certificates."""

import numpy as np
import pytest

import pkn
from pkn.evidence.bounds import value_bounds
from pkn.filters import Bilateral, IsotropicGaussian, Pyramid
from pkn.restoration.volume_maps import VolumeMaps

SIZE = (5, 24, 32)
SMALL = (5, 13, 18)


@pytest.fixture(scope="module")
def volume():
    z, y, x = np.indices(SIZE)
    clean = np.where((z - 2) ** 2 * 9 + (y - 12) ** 2 + (x - 14) ** 2 < 60, 0.8, 0.3)
    return (clean + 0.05 * np.random.default_rng(0).standard_normal(SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def maps(volume):
    return pkn.predict_maps(volume, depth_axis=0)


def drawn(random, **settings):
    """A small pyramid, and random maps of it."""
    flt = Pyramid(radius=1, features=1, levels=2, radius_z=1, **settings)
    ranges = {"rho": (-0.5, 0.5), "sigma_range": (0.2, 1), "guide": (0, 1), "blend": (0, 1)}
    values = {}
    for name in flt.ranges:
        size = (*flt.plane_shape(name), SMALL[0], *flt.map_size(name, SMALL[1:]))
        values[name] = random.uniform(*ranges.get(name.rpartition("_")[0], (0.2, 1)), size)
    return VolumeMaps(flt, values)


def by_planes(maps, kernel, plane):
    """Weights (D, rows, columns) of the planes of a volume."""
    found = np.zeros((maps.shape[0], *kernel.shape[1:]))
    for weights, slot in zip(kernel, maps.filter.window.slots(maps.shape[0])[plane], strict=True):
        found[slot] += weights if slot >= 0 else 0
    return found


def test_applying_is_denoising(volume, maps):
    assert maps.apply(volume).tobytes() == pkn.denoise(volume, depth_axis=0).tobytes()
    assert maps.shape == SIZE
    assert maps.ranges["kz_0"].unit


@pytest.mark.parametrize("position", [(0, 0, 0), (4, 23, 31), (2, 12, 14), (1, 0, 20), (-1, 5, -1)])
def test_weights_times_voxels_are_the_output(volume, maps, position):
    kernel, reach = maps.kernel_at(volume, position), maps.filter.reach
    plane, row, column = (at % side for at, side in zip(position, SIZE, strict=True))
    padded = np.pad(volume, [(0, 0), (reach, reach), (reach, reach)], mode="symmetric")
    window = padded[:, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (by_planes(maps, kernel, plane) * window).sum() == pytest.approx(maps.apply(volume)[position], abs=1e-5)


def test_readable_planes_are_of_the_exact_weights(maps, volume):
    for plane in (0, 2, -1):
        found = maps.readable(plane)
        for row, column in ((12, 14), (5, 20)):
            shares = maps.kernel_at(volume, (plane, row, column)).sum((1, 2))
            expected = 1 / np.square(shares).sum()
            assert found["planes"].values[row, column] == pytest.approx(expected, rel=1e-3)
        assert found["radius"].values.shape == SIZE[1:]
    assert maps.readable(0)["planes"].values.max() <= 3 + 1e-3  # two planes are missing
    flat = VolumeMaps(IsotropicGaussian(8, radius_z=2, spacing=(3, 1, 1)), {"sigma": np.full(SIZE, 2.0)})
    assert flat.readable(2)["radius"].values[12, 16] == pytest.approx(2, rel=0.01)
    weights = np.exp(-np.square([6, 3, 0, 3, 6]) / 8)
    expected = weights.sum() ** 2 / np.square(weights).sum()
    assert flat.readable(2)["planes"].values[12, 16] == pytest.approx(expected, rel=1e-3)


def test_saved_maps_are_bit_identical(tmp_path, maps, volume):
    maps.save(tmp_path / "maps.npz")
    loaded = VolumeMaps.load(tmp_path / "maps.npz")
    assert (loaded.filter, loaded.provenance) == (maps.filter, maps.provenance)
    assert all(loaded[name].tobytes() == maps[name].tobytes() for name in maps)
    assert loaded.apply(volume).tobytes() == maps.apply(volume).tobytes()


def test_other_files_are_refused(tmp_path, maps):
    path = tmp_path / "maps.npz"
    with pytest.raises(ValueError, match=r"expected a name that ends in \.npz"):
        maps.save(tmp_path / "maps.tif")
    assert not list(tmp_path.iterdir())
    maps.save(path)
    with pytest.raises(ValueError, match="as parameter maps: it holds maps of a volume"):
        pkn.ParameterMaps.load(path)
    arrays = dict(np.load(path))
    np.savez(path, **arrays | {"kz_0": arrays["kz_0"][1:]})
    with pytest.raises(ValueError, match="as maps of a volume: kz_0 has shape"):
        VolumeMaps.load(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match="cannot read"):
        VolumeMaps.load(path)


def test_maps_that_are_not_the_filters_are_refused():
    flt = IsotropicGaussian(2, radius_z=1)
    with pytest.raises(ValueError, match=r"maps are \['width'\]; expected \['sigma'\]"):
        VolumeMaps(flt, {"width": np.ones(SIZE)})
    with pytest.raises(ValueError, match="expected those of one volume"):
        VolumeMaps(flt, {"sigma": np.ones(SIZE[1:])})
    with pytest.raises(ValueError, match="sigma is -1"):
        VolumeMaps(flt, {"sigma": -np.ones(SIZE)})


def test_figure(maps):
    _, axes = maps.plot(plane=2)
    titles = [each.get_title().partition(":")[0] for each in axes]
    assert titles[:6] == ["radius", "direction", "pixels", "planes", "coarser", "kx_0"]
    assert len(axes) == 5 + len(maps)
    np.testing.assert_array_equal(axes[5].images[0].get_array(), maps["kx_0"][2])
    assert axes[titles.index("kz_0")].images[0].cmap.name == "gray_r"  # white where more planes are averaged
    with pytest.raises(ValueError, match="plane is 5; expected the number of one of 5 planes"):
        maps.plot(5)


def test_holds_and_is_broken(volume, maps):
    result = maps.apply(volume)
    found = pkn.certify(volume, result, maps)
    assert (found.convex, found.holds, found.excess) == (True, True, 0)
    assert found.absolute_weights.shape == found.pixels[""].shape == SIZE
    assert found.bounds[""].shape == (2, 1, *SIZE)
    result[2, 12, 14] += 1
    broken = pkn.certify(volume, result, maps)
    assert (broken.holds, broken.outside_range) == (False, 1)
    with pytest.raises(ValueError, match="result has shape"):
        pkn.certify(volume, result[1:], maps)
    with pytest.raises(ValueError, match=r"region is bool of shape \(24, 32\); expected bool of shape \(5, 24, 32\)"):
        pkn.certify(volume, result, maps, region=np.ones(SIZE[1:], bool))


@pytest.mark.parametrize(
    "settings",
    [{}, {"causal": True}, {"border_z": "wrap", "border": "wrap"}, {"border_z": "reflect", "border": "nearest"}],
)
def test_bounds_of_a_pyramid_are_those_of_all_guides(settings):
    """Whatever weights the filters of the levels choose, blends alone bound each voxel; an extreme one reaches them."""
    random = np.random.default_rng(0)
    volume, first = random.random(SMALL), drawn(random, **settings)
    for _ in range(10):
        maps = VolumeMaps(first.filter, {**drawn(random, **settings), "blend_0": first["blend_0"]})
        low, high = value_bounds(maps, {"": volume[None]}, np.ones(SMALL, bool))[""][:, 0]
        result = maps.apply(volume)
        assert (low - 1e-12 <= result).all()
        assert (result <= high + 1e-12).all()


def test_bounds_of_a_window_are_its_voxels():
    volume = np.random.default_rng(0).random(SMALL)
    maps = VolumeMaps(IsotropicGaussian(2, radius_z=1), {"sigma": np.ones(SMALL)})
    found = value_bounds(maps, {"": volume[None]}, np.ones(SMALL, bool))[""][:, 0]
    for z, y, x in [(0, 0, 0), (2, 6, 9), (4, 12, 17), (3, 1, 16)]:
        window = volume[max(z - 1, 0) : z + 2, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        assert found[:, z, y, x].tolist() == [window.min(), window.max()]


@pytest.mark.parametrize("settings", [{}, {"causal": True}])
def test_share_from_outside_is_the_sum_of_exact_weights(settings):
    random = np.random.default_rng(0)
    volume, maps = random.random(SMALL, np.float32), drawn(random, **settings)
    region = np.zeros(SMALL, bool)
    region[1:4, 3:9, 4:12] = True
    found = pkn.certify(volume, maps.apply(volume), maps, region=region)
    reach = maps.filter.reach
    elsewhere = np.pad(~region, [(0, 0), (reach, reach), (reach, reach)], mode="symmetric")
    for z, y, x in [(1, 3, 4), (2, 6, 8), (3, 8, 11), (0, 0, 0), (4, 12, 17)]:
        window = elsewhere[:, y : y + 2 * reach + 1, x : x + 2 * reach + 1]
        expected = (by_planes(maps, maps.kernel_at(volume, (z, y, x)), z) * window).sum()
        assert found.outside[""][z, y, x] == pytest.approx(expected, abs=2e-5)
    assert "in the region that comes from outside" in str(found)


def test_the_number_of_voxels_is_that_of_exact_weights():
    maps = VolumeMaps(IsotropicGaussian(4, radius_z=2), {"sigma": np.full((5, 40, 40), 1.0)})
    volume = np.random.default_rng(0).random((5, 40, 40), np.float32)
    found = pkn.certify(volume, maps.apply(volume), maps)
    exact = 1 / np.square(maps.kernel_at(volume, (2, 20, 20))).sum()
    assert found.pixels[""][2, 5:-5, 5:-5].mean() == pytest.approx(exact, rel=0.2)


def test_weights_that_depend_on_the_volume_are_bounded_but_not_counted():
    volume = np.random.default_rng(0).random(SMALL, np.float32)
    flt = Bilateral(2, radius_z=1)
    maps = VolumeMaps(flt, {"sigma_space": np.ones(SMALL), "sigma_range": np.full(SMALL, 0.2)})
    found = pkn.certify(volume, maps.apply(volume), maps, region=volume > 0.5)
    assert (found.holds, found.pixels, found.outside) == (True, {}, {})
    assert maps.readable(0) == {}


def test_gaps_and_masks(volume):
    maps = pkn.predict_maps(volume, depth_axis=0)
    holes = volume.copy()
    holes[2, 10:12, 10:12] = np.nan
    assert pkn.certify(holes, maps.apply(holes), maps).holds
    valid = np.ones(SIZE, bool)
    valid[1, 3:6, 4:9] = False
    given = np.where(valid, volume, 900).astype(np.float32)  # where they carry weight, far beyond all others
    assert pkn.certify(given, maps.apply(given, mask=valid), maps, mask=valid).holds
    assert not pkn.certify(given, maps.apply(given), maps, mask=valid).holds
