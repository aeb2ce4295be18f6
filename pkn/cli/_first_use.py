"""The first use: that kernels are compiled is said, and two processes share the work.

Numba compiles under a lock, so threads don't help. The filter's kernels take as long as the network's; a process of
their own compiles them into the cache, while this one compiles the network's and then waits for it.
"""

import os
import subprocess
import sys
from typing import Any

import click

FILTERS = ("pkn.filters.engine.window", "pkn.filters.engine.patches")
PROGRAM = "import sys; from pkn.cli._first_use import {0}; {0}(sys.argv[1], int(sys.argv[2]))"
_said: list[bool] = []


def announce_compiling() -> None:
    """Have it said, once, when kernels are compiled."""
    from pkn.filters.engine.compile import on_compiling

    if _say not in on_compiling:
        on_compiling.append(_say)


def _say() -> None:
    if not _said:
        _said.append(True)
        click.echo("compiling kernels, once ...", err=True)


def in_a_process(function: str, net: str, channels: int) -> list[str]:
    """The command that calls a function of this module in a process of its own."""
    return [sys.executable, "-P", "-c", PROGRAM.format(function), net, str(channels)]


def compile_beside(net: Any, channels: int) -> None:
    """Begin to compile the filter of a network in another process, if nothing is compiled yet."""
    from pkn.filters.engine.compile import awaited, cache_is_cold

    if (os.cpu_count() or 1) > 1 and not awaited and cache_is_cold():
        command = in_a_process("compile_filter", str(net), channels)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        awaited.update(dict.fromkeys(FILTERS, subprocess.Popen(command, **quiet)))  # type: ignore[call-overload]


def compile_filter(net: str, channels: int) -> None:
    """Compile the kernels of a network's filter, by using it."""
    import math

    import numpy as np

    from pkn.pretrained import find_net

    flt, size = find_net(net, channels).filter, (32, 32)
    shapes = [(1, math.prod(flt.plane_shape(name)), *flt.map_size(name, size)) for name in flt.ranges]
    maps = flt.Maps(*(np.full(shape, 0.5, np.float32) for shape in shapes))
    flt.forward(np.zeros((1, channels, *size), np.float32), maps, None, keep=False)


def use_net(net: str, channels: int) -> None:
    """Compile all that a network needs, by using it as its command does."""
    import numpy as np

    from pkn.pretrained import find_net
    from pkn.restoration.deconvolution import deconvolve
    from pkn.restoration.denoising import denoise
    from pkn.restoration.upsampling import upsample

    image = np.random.default_rng(0).integers(0, 256, (96, 80, channels), np.uint8)
    image, axis = (image, -1) if channels > 1 else (image[..., 0], None)
    verbs: dict[str, Any] = {"ReblurUpsampling": upsample, "Reblur": deconvolve}
    verb = verbs.get(type(find_net(net, channels).filter).__name__, denoise)
    verb(image, net, channel_axis=axis, dtype="same")
