"""
Denoise a volume with Dask
==========================

``python dask_volume.py [FOLDER]`` writes FOLDER/volume.zarr and FOLDER/clean.zarr.

Two workers of one thread each, as a cluster would have many; nothing is held in memory as a whole.
"""

import sys
from pathlib import Path

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster
from scipy.ndimage import gaussian_filter

import pkn

SHAPE, CHUNKS, NOISE = (6, 384, 512), (1, 192, 256), 0.08


def cells(block_info: dict | None = None) -> np.ndarray:
    """Blurred blobs, a chunk at a time."""
    place = block_info[None]
    random = np.random.default_rng(place["chunk-location"])
    seeds = (random.random((1, *CHUNKS[1:])) > 0.998).astype(np.float32)
    return np.clip(150 * gaussian_filter(seeds, (0, 5, 5)), 0, 1)


def main(folder: Path) -> None:
    clean = da.map_blocks(
        cells, chunks=da.core.normalize_chunks(CHUNKS, SHAPE), dtype=np.float32, meta=np.empty((0,) * 3)
    )
    noisy = clean + da.random.default_rng(0).normal(0, NOISE, SHAPE, chunks=CHUNKS).astype(np.float32)
    noisy.to_zarr(folder / "volume.zarr", overwrite=True)

    volume = da.from_zarr(folder / "volume.zarr")
    result = pkn.denoise(volume, stack_axes=0)  # lazy: chunks of volume.zarr, with the halo that each one needs
    result.rechunk(CHUNKS).to_zarr(folder / "clean.zarr", overwrite=True)

    after = da.from_zarr(folder / "clean.zarr")
    for name, image in (("noisy", volume), ("denoised", after)):
        print(f"{name}: {-10 * np.log10(float(((image - clean) ** 2).mean().compute())):.2f} dB")
    plane = np.asarray(volume[0])
    print("same bits as NumPy:", np.array_equal(np.asarray(after[0]), pkn.denoise(plane)))


if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
