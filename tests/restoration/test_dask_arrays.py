"""Dask arrays and stacks: lazy, and bit for bit what NumPy gives."""

import dask.array as da
import numpy as np
import pytest

import pkn
from pkn.restoration.dask_arrays import aligned

RANDOM = np.random.default_rng(0)


def forbidden():
    raise AssertionError("computed")


def test_nothing_is_computed_yet():
    lazy = da.from_array(np.zeros((2, 2)), chunks=1).map_blocks(lambda block: forbidden(), dtype=np.float32, meta=None)
    image = da.concatenate([da.tile(lazy, (100, 100)), da.zeros((200, 200), np.float32)], axis=1)
    out = pkn.denoise(image)
    assert isinstance(out, da.Array)
    assert out.shape == image.shape
    with pytest.raises(AssertionError, match="computed"):
        out.compute(scheduler="synchronous")


@pytest.mark.parametrize("chunks", [(200, 250), (97, 400), (20, 20), (300, 400)])
@pytest.mark.parametrize("net", ["pyramid", "bilateral", "non-local-means"])
def test_bits_of_the_whole(net, chunks):
    image = RANDOM.random((300, 400), np.float32)
    out = pkn.denoise(da.from_array(image, chunks=chunks), net)
    np.testing.assert_array_equal(out.compute(scheduler="threads"), pkn.denoise(image, net))


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (79, 40), (16, 16)])
def test_planes_may_be_smaller_than_a_halo(shape):
    image = RANDOM.random(shape, np.float32)
    out = pkn.denoise(da.from_array(image, chunks=(10, 130)))
    np.testing.assert_array_equal(out.compute(scheduler="threads"), pkn.denoise(image))


def test_stacks_and_colour_are_denoised_plane_by_plane():
    stack = (RANDOM.random((3, 180, 3, 200)) * 255).astype(np.uint8)
    options = {"strength": 0.7, "dtype": "same"}
    wanted = np.stack([pkn.denoise(plane, channel_axis=1, **options) for plane in stack])
    out = pkn.denoise(stack, channel_axis=2, stack_axes=0, **options)
    np.testing.assert_array_equal(out, wanted)
    lazy = pkn.denoise(da.from_array(stack, chunks=(2, 90, 1, 100)), channel_axis=2, stack_axes=(0,), **options)
    assert lazy.dtype == np.uint8
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), wanted)


def test_two_workers_give_the_same_bits():
    from dask.distributed import Client, LocalCluster

    image = RANDOM.random((400, 500), np.float32)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster):
        out = pkn.denoise(da.from_array(image, chunks=(200, 250))).compute()
    np.testing.assert_array_equal(out, pkn.denoise(image))


@pytest.mark.parametrize("sizes", [(10, 10, 10), (1,), (500,), (80, 80, 80), (79, 1, 200), (1000, 3)])
def testaligned_chunks_keep_the_total_and_begin_at_steps(sizes):
    found = aligned(sizes, 8, 80)
    assert sum(found) == sum(sizes)
    assert all(size % 8 == 0 for size in found[:-1])
    assert len(found) == 1 or min(found) >= 80


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: pkn.denoise(x, mask=np.ones(x.shape, bool)), TypeError, "mask or a map"),
        (lambda x: pkn.denoise(x.astype(np.int64)), TypeError, "image has dtype int64"),
        (lambda x: pkn.denoise(x, "upsample"), ValueError, "enlarges"),
        (lambda x: pkn.denoise(x[None]), ValueError, "two others, rows and columns"),
        (lambda x: pkn.denoise(np.zeros((2, 5, 6)), stack_axes=(0, 1)), ValueError, "two others, rows and columns"),
        (lambda x: pkn.denoise(np.zeros((2, 5, 6)), stack_axes=5), ValueError, "stack_axes is 5"),
        (lambda x: pkn.denoise(x * np.nan).compute(scheduler="synchronous"), ValueError, "not finite"),
    ],
)
def test_what_is_not_offered_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(da.zeros((100, 120), np.float32))
