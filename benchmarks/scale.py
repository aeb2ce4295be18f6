"""Cost by image size and Dask workers, and of a training step, beside plain torch: `python -m benchmarks.scale`."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import tifffile
import torch
from dask.distributed import Client, LocalCluster, wait

import pkn
from benchmarks.measure import peak_memory, seconds
from benchmarks.table import photograph
from pkn.filters import Pyramid
from pkn.filters.engine.threads import one_thread
from pkn.io.large_tiff import open_large
from pkn.nets import MapNet
from pkn.nets.autograd import function, reference
from pkn.nets.map_net import network
from pkn.restoration.large_images import denoise_large

SIZES = {0.25: (500, 500), 1: (1000, 1000), 4: (2000, 2000), 12: (3000, 4000), 48: (6000, 8000)}
LARGE = 14_000, 14_300  # 200 megapixels


def main() -> None:
    for channels in (1, 3):
        for megapixels, size in SIZES.items():
            image = photograph(*size, channels)
            call = _denoise(image)
            call()
            least = min(seconds(call) for _ in range(3))
            with one_thread():
                alone = min(seconds(call) for _ in range(3))
            memory = peak_memory(call) - image.nbytes / 1e6
            print(
                f"pkn.denoise, {channels} channels, {megapixels:g} MP: {1e3 * least / megapixels:.1f} ms/MP "
                f"({1e3 * alone / megapixels:.1f} on one thread), "
                f"{memory:.0f} MB beyond input and output ({memory / (image.nbytes / 1e6):.2f} times the input)"
            )
    large_file()
    dask_workers()
    training_step()


def large_file() -> None:
    """A TIFF of 200 megapixels from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.tif"), Path(folder, "out.tif")
        part = np.rint(photograph(1400, 1430, 1) * 255).astype(np.uint8)
        tifffile.imwrite(source, np.tile(part, (10, 10)))
        opened = open_large(source)
        assert opened is not None
        taken: list[float] = []
        memory = peak_memory(lambda: taken.append(seconds(lambda: denoise_large(opened, target, "pyramid"))))
        print(f"TIFF of 200 MP, grey, file to file: {1e3 * taken[0] / 200.2:.1f} ms/MP, {memory:.0f} MB")


def dask_workers() -> None:
    """One worker of one thread against two."""
    small, times = photograph(200, 200, 1), {}
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            lazy = da.random.default_rng(0).random((4096, 4096), np.float32, chunks=1024).persist()
            wait(lazy)
            client.run(_denoise(small))  # compiles
            times[workers] = min(seconds(lambda lazy=lazy: pkn.denoise(lazy).sum().compute()) for _ in range(3))
    print(f"Dask, 16 MP: one worker {times[1]:.2f} s, two {times[2]:.2f} s, {times[1] / times[2]:.2f} times as fast")


def training_step() -> None:
    """Forward and backward of the default network and its filter, by the kernel core and by plain torch."""
    torch.manual_seed(0)
    net, image = MapNet(Pyramid(), 1), torch.rand(8, 1, 128, 128)
    times = {}
    for name, apply in (("core", function.apply_filter), ("reference", reference.apply)):
        network.apply_filter = apply
        step = _step(net, image)
        step()
        times[name] = np.median([seconds(step) for _ in range(5)])
    network.apply_filter = function.apply_filter
    print(
        f"training step, 8 crops of 128 x 128: core {1e3 * times['core']:.0f} ms, "
        f"reference {1e3 * times['reference']:.0f} ms, {times['reference'] / times['core']:.1f} times as fast"
    )


def _step(net: MapNet, image: torch.Tensor) -> Callable[[], None]:
    return lambda: net.denoise(image).square().mean().backward()


def _denoise(image: np.ndarray) -> Callable[[], Any]:
    return lambda: pkn.denoise(image, channel_axis=None if image.ndim == 2 else -1)


if __name__ == "__main__":
    main()
