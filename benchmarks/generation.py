"""The sampler's network on our core and with unfolded windows: time and memory. `python -m benchmarks.generation`."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.measure import peak_memory, seconds
from benchmarks.unfolded import UnfoldedNet
from pkn.nets.models.kernel_predicting import SETTINGS, KernelPredictingNet
from pkn.nets.models.partition_pyramid import KernelMaps

KINDS = {"core": KernelPredictingNet, "unfolded": UnfoldedNet}
BATCH, RUNS = 32, 7


def main() -> None:
    for work in ("filters alone, forward and backward", "training step", "sampling step"):
        calls = {kind: make_call(kind, work) for kind in KINDS}
        for call in calls.values():
            call()
        times = np.array([[seconds(call) for call in calls.values()] for _ in range(RUNS)])
        core, unfolded = np.median(times, 0)
        memory = [_alone(_memory, kind, work) for kind in KINDS]
        print(
            f"{work}, {BATCH} images: core {1e3 * core:.0f} ms, unfolded {1e3 * unfolded:.0f} ms, "
            f"{np.median(times[:, 1] / times[:, 0]):.2f} times as fast; "
            f"{memory[0]:.0f} MB and {memory[1]:.0f} MB, {memory[0] / memory[1]:.2f} of it"
        )


def make_call(kind: str, work: str) -> Callable[[], Any]:
    """One step of the small configuration."""
    torch.manual_seed(0)
    net, z = KINDS[kind](SETTINGS["small"]), torch.randn(BATCH, 3, 64, 64)
    t = torch.full((BATCH,), 0.5)
    if work == "training step":
        return lambda: net(z, t).square().mean().backward()
    if work == "sampling step":
        return torch.inference_mode()(lambda: net(z, t))
    maps = random_maps(net)
    leaves = [leaf for part in maps[:3] for leaf in part]
    return lambda: torch.autograd.grad(net.apply(z, maps).square().mean(), leaves)


def random_maps(net: KernelPredictingNet) -> KernelMaps:
    """Leaves, as if predicted."""
    levels = range(len(net.heads))
    sides = [net.settings.size // 2**level for level in levels]
    logits, gaussians, blends = (
        [torch.rand(BATCH, planes, side, side).requires_grad_() for side in sides]
        for planes in ((2 * net.settings.radius + 1) ** 2, 3, 1)
    )
    return KernelMaps(logits, gaussians, blends, None)


def _memory(kind: str, work: str) -> float:
    return peak_memory(make_call(kind, work))


def _alone(function: Callable[..., float], *arguments: Any) -> float:
    """A call in a process of its own, whose memory holds nothing of what came before."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


if __name__ == "__main__":
    main()
