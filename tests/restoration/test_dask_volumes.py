"""Volumes as Dask arrays: lazy, and bit for bit what NumPy gives."""

from functools import cache

import dask.array as da
import numpy as np
import pytest

import pkn
from pkn.nets.map_net.tiling import halo
from pkn.pretrained import find_net

SHAPE = 11, 29, 37
BESIDE = 2 * halo(find_net("volume", 1))


def draw(shape, seed=0):
    random = np.random.default_rng(seed)
    rows = np.linspace(2, 9, shape[-2])[:, None]
    return random.poisson(20 + rows * np.sin(np.arange(shape[-1]) / rows), shape).astype(np.float32)


@cache
def whole(shape, **settings):
    return pkn.denoise(draw(shape), depth_axis=0, **settings)


@pytest.mark.parametrize(
    ("chunks", "causal"),
    [((4, 20, 30), False), ((5, 29, 37), False), ((1, 10, 10), False), ((3, 17, 300), True), ((6, 29, 37), True)],
)
def test_bits_of_the_whole(chunks, causal):
    lazy = pkn.denoise(da.from_array(draw(SHAPE), chunks=chunks), depth_axis=0, spacing=(2, 1, 1), causal=causal)
    assert (lazy.shape, lazy.dtype) == (SHAPE, np.float32)
    wanted = whole(SHAPE, spacing=(2, 1, 1), causal=causal)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), wanted)


@pytest.mark.parametrize(
    ("shape", "chunks", "blocks"),
    [
        ((3, 3 * BESIDE + 5, 24), (3, BESIDE, 24), (1, 3, 1)),
        ((3, 24, 3 * BESIDE + 5), (3, 24, BESIDE), (1, 1, 3)),
        ((5, 2 * BESIDE + 3, 2 * BESIDE + 1), (4, BESIDE + 1, BESIDE - 1), (1, 2, 2)),
    ],
    ids=["rows", "columns", "corners"],
)
def test_bits_of_parts_of_planes(shape, chunks, blocks):
    image = draw(shape)
    lazy = pkn.denoise(da.from_array(image, chunks=chunks), depth_axis=0)
    assert lazy.numblocks == blocks
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), whole(shape))


@pytest.mark.parametrize("shape", [(1, 40, 50), (2, 7, 9), (4, 1, 30), (9, 16, 16)])
def test_volumes_may_be_smaller_than_windows_and_halos(shape):
    lazy = pkn.denoise(da.from_array(draw(shape), chunks=(1, 10, 13)), depth_axis=0)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), whole(shape))


@pytest.mark.parametrize("settings", [{}, {"strength": 0.5}, {"sigma": 4.0}], ids=str)
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float64])
def test_dtypes_and_settings(dtype, settings):
    image = draw((9, 33, 40)).astype(dtype) + dtype(100)
    settings = {
        name: value / (65535 if name == "sigma" and dtype == np.uint16 else 1) for name, value in settings.items()
    }
    for kind in (None, "same"):
        lazy = pkn.denoise(da.from_array(image, chunks=(4, 33, 40)), depth_axis=0, dtype=kind, **settings)
        wanted = pkn.denoise(image, depth_axis=0, dtype=kind, **settings)
        assert lazy.dtype == wanted.dtype
        np.testing.assert_array_equal(lazy.compute(scheduler="threads"), wanted)


def test_axes_and_stacks():
    stack = np.stack([draw((9, 30, 40), seed) for seed in range(3)])
    moved = np.ascontiguousarray(stack.transpose(2, 0, 3, 1))  # rows, stack, columns, planes
    lazy = pkn.denoise(da.from_array(moved, chunks=(30, 2, 20, 4)), depth_axis=3, stack_axes=1, dtype="same")
    wanted = pkn.denoise(moved, depth_axis=3, stack_axes=1, dtype="same")
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), wanted)


def test_two_workers_give_the_same_bits():
    from dask.distributed import Client, LocalCluster

    image = da.from_array(draw((9, 33, 40)), chunks=(4, 33, 40))
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster):
        out = pkn.denoise(image, depth_axis=0).compute()
    np.testing.assert_array_equal(out, whole((9, 33, 40)))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: pkn.denoise(x, depth_axis=0, mask=np.ones(x.shape, bool)), TypeError, "mask or a map"),
        (lambda x: pkn.denoise(x, "pyramid", depth_axis=0), ValueError, "windows of one plane"),
        (lambda x: pkn.denoise(x, depth_axis=0, stack_axes=1), ValueError, "two others, rows and columns"),
        (lambda x: pkn.denoise(x, depth_axis=0, spacing=(1, 0, 1)), ValueError, "spacing is"),
        (lambda x: pkn.denoise(x * np.nan, depth_axis=0).compute(scheduler="synchronous"), ValueError, "not finite"),
    ],
)
def test_what_is_not_offered_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(da.zeros((3, 40, 50), np.float32))
