"""What pkn runs on, for bug reports: versions, processor, threads, caches, GPU, extras."""

import os
import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from pkn.version import DISTRIBUTION, __version__

Facts = list[tuple[str, str]]
VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_DISABLE_JIT")
# What kernels gain by, in the order of width; for processors of both kinds.
INSTRUCTIONS = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx10.1-256", "neon", "sve", "sve2")
NO_METADATA = "not installed: no list of requirements to check"


def sections() -> Iterator[tuple[str, Facts]]:
    """Titles, with names and values."""
    yield "pkn", _package()
    yield "requirements", [(name, _version(name)) for name in _required()] or [(DISTRIBUTION, NO_METADATA)]
    yield "extras", [(extra, _state(names)) for extra, names in _extras().items()] or [(DISTRIBUTION, NO_METADATA)]
    yield "processor", _processor()
    yield "kernel cache", _kernel_cache()
    yield "GPU", _gpu()


def missing_packages() -> list[str]:
    """Required packages that aren't installed."""
    return [name for name in _required() if _installed(name) is None]


def _package() -> Facts:
    from pkn.pretrained import bundled_names

    return [
        ("version", __version__),
        ("networks", ", ".join(bundled_names()) or "NONE: the package is incomplete"),
        ("Python", f"{platform.python_version()}, {platform.python_implementation()}"),
        ("system", platform.platform()),
        ("environment", "virtual" if sys.prefix != sys.base_prefix else "not virtual"),
    ]


@cache
def _requirements() -> tuple[str, ...]:
    try:
        return tuple(metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:  # a checkout on PYTHONPATH
        return ()


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _required() -> list[str]:
    return [_name(text) for text in _requirements() if "extra ==" not in text]


def _extras() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in _requirements():
        if (extra := re.search(r"extra == ['\"]([^'\"]+)", text)) and extra[1] != "dev":
            found.setdefault(extra[1], []).append(_name(text))
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _version(name: str) -> str:
    return _installed(name) or "MISSING"


def _state(names: list[str]) -> str:
    versions = {name: _installed(name) for name in names}
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    absent = ", ".join(name for name, version in versions.items() if not version)
    return "; ".join(part for part in (there, absent and f"not installed: {absent}") if part)


def _processor() -> Facts:
    from llvmlite import binding

    from pkn.filters.engine.threads import thread_count

    features = binding.get_host_cpu_features()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    given = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    return [
        ("LLVM's name", f"{binding.get_host_cpu_name()} ({platform.machine()})"),
        ("SIMD", ", ".join(name for name in INSTRUCTIONS if features.get(name)) or "none that LLVM names"),
        ("processors", f"{usable} usable of {os.cpu_count()}"),
        ("threads", str(thread_count())),
        ("variables", ", ".join(given) or "none set"),
    ]


def _kernel_cache() -> Facts:
    from pkn.filters.engine.compile import cache_folder

    folder, writable = cache_folder()
    if not writable:
        return [("folder", f"{folder or 'none: there is no home'}, not writable: kernels are compiled in each process")]
    files = list(Path(str(folder)).rglob("*.nbc"))
    size = sum(path.stat().st_size for path in files) / 1e6
    return [("folder", f"{folder}, writable"), ("kernels", f"{len(files)} compiled, {size:.1f} MB")]


def _gpu() -> Facts:
    if not find_spec("torch"):
        return [("torch", "not installed")]
    import torch

    facts = [("torch", torch.__version__), ("triton", _installed("triton") or "not installed")]
    if not torch.cuda.is_available():
        return [*facts, ("CUDA", "no device")]
    return [*facts, *((f"CUDA {i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count()))]
