"""OME-Zarr by Dask workers, memory and time: ``python -m benchmarks.large_zarr [--mebibytes 1024]``.

An image (t, c, z, y, x) of photons is denoised by one worker and by two, each a process of one thread. Printed are the
peak of resident memory of each worker, before the image (imports, compiled kernels) and after it, and how many times as
fast two are.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from dask.distributed import Client, LocalCluster

import pkn
from pkn.restoration.zarr_images import denoise_zarr

SIDE, CHUNK = 2048, 1024
CHANNELS, DEPTH = 2, 4
PHOTONS, OFFSET = 200, 100  # at full brightness, and counts without light
MEBIBYTE = 2**20
COMPILES = np.linspace(0, 1, 2**16, dtype=np.float32).reshape(256, 256)  # kernels, before the clock runs
PLANE = SIDE * SIDE * 2 // MEBIBYTE  # mebibytes of uint16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the image")
    size, times = parser.parse_args().mebibytes, {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.zarr")
        shape = write_image(source, size)
        print(f"{' x '.join(map(str, shape))} (t, c, z, y, x), {np.prod(shape) * 2 / MEBIBYTE:.0f} MiB")
        for workers in (1, 2):
            times[workers] = denoise_by(workers, source, Path(folder, f"out-{workers}.zarr"))
    print(f"two workers are {times[1] / times[2]:.2f} times as fast as one")


def write_image(path: Path, mebibytes: int) -> tuple[int, ...]:
    """Write an OME-Zarr image of two resolution levels, plane by plane; its shape (t, c, z, y, x)."""
    from benchmarks.table import photograph  # not above: workers import this module, and would load torch

    shape = (max(1, round(mebibytes / (PLANE * CHANNELS * DEPTH))), CHANNELS, DEPTH, SIDE, SIDE)
    group = zarr.create_group(path, attributes={"ome": {"version": "0.5", "multiscales": [_described()]}})
    array = group.create_array("0", shape=shape, chunks=(1, 1, 1, CHUNK, CHUNK), dtype=np.uint16)
    half = (*shape[:3], SIDE // 2, SIDE // 2)
    group.create_array("1", shape=half, chunks=(1, 1, 1, CHUNK, CHUNK), dtype=np.uint16)
    random, photons = np.random.default_rng(0), PHOTONS * photograph(SIDE, SIDE, 1).clip(0, 1)
    for index in np.ndindex(shape[:3]):
        array[index] = OFFSET + random.poisson(photons)
    return shape


def _described() -> dict[str, object]:
    scales = [[1.0, 1.0, 1.0, factor, factor] for factor in (1.0, 2.0)]
    datasets = [
        {"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for number, scale in enumerate(scales)
    ]
    kinds = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
    return {"axes": [{"name": name, "type": kind} for name, kind in kinds.items()], "datasets": datasets}


def denoise_by(workers: int, source: Path, target: Path) -> float:
    """Denoise by so many workers, print their peaks of memory, and return the seconds taken."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(pkn.denoise, COMPILES)
        before = client.run(peak_resident)
        begin = time.perf_counter()
        denoise_zarr(source, target, "any-noise", scheduler=cluster.scheduler_address)
        taken = time.perf_counter() - begin
        after = client.run(peak_resident)
    for number, worker in enumerate(after, 1):
        print(f"worker {number} of {workers}: at most {after[worker]:.0f} MiB ({before[worker]:.0f} before the image)")
    print(f"{workers} of one thread: {taken:.1f} s")
    return taken


def peak_resident() -> float:
    """The most mebibytes of resident memory that this process has had.

    On Linux what getrusage says begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) * 1024 / MEBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBIBYTE


if __name__ == "__main__":
    main()
