"""``pkn warmup``."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from pkn.cli._first_use import in_a_process
from pkn.cli._progress import progress_bar

Job = tuple[str, str, int]  # a function of _first_use, and what it is called with


@click.command("warmup")
@click.option("--net", "nets", multiple=True, help="Bundled name or .safetensors file; any-noise by default.")
@click.option("--all", "every", is_flag=True, help="All bundled networks.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time; by default one for each processor.")
def command(nets: tuple[str, ...], every: bool, jobs: int | None) -> None:
    """Compile ahead of time what networks need, for grey and RGB images, so that no first use has to wait.

    For images of containers and for machines that start often. Kernels are kept in NUMBA_CACHE_DIR, or XDG_CACHE_HOME,
    or ~/.cache, for this kind of processor, these sources and this Numba: another kind compiles anew.
    """
    from pkn.filters.engine.compile import cache_folder
    from pkn.pretrained import bundled_names

    folder, writable = cache_folder()
    if not writable:
        raise ValueError(f"'{folder}', for kernels, can't be written; expected NUMBA_CACHE_DIR to name a folder")
    begin = time.perf_counter()
    work = _jobs(bundled_names() if every else list(nets) or ["any-noise"])
    with progress_bar("kernels") as callback, ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for done, _ in enumerate(pool.map(_run, work), 1):
            callback(done, len(work), {})
    count = len(list(Path(str(folder)).rglob("*.nbc")))
    click.echo(f"{folder}: {count} kernels, {time.perf_counter() - begin:.1f} s")


def _jobs(nets: list[str]) -> list[Job]:
    """A network, then filters, then networks: of two networks at a time one would wait for what the other compiles."""
    from pkn.pretrained import COLOURS, find_net

    known, last = [], None
    for net in nets:
        for channels in COLOURS:
            try:
                find_net(net, channels)
                known.append((net, channels))
            except ValueError as error:  # some are for one kind of images only
                last = error
        if last and not any(name == net for name, _ in known):
            raise last
    (first, *others), filters = ([(kind, *one) for one in known] for kind in ("use_net", "compile_filter"))
    return [first, *filters, *others]


def _run(job: Job) -> None:
    function, net, channels = job
    done = subprocess.run(in_a_process(function, net, channels), capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ValueError(f"compiling for {net!r}, {channels} channels, failed: {reason}")
