"""bfloat16 for networks, where that is faster."""

import warnings
from functools import cache

import torch


def half_precision(device: str, wanted: bool) -> torch.autocast:
    """A context in which networks compute in bfloat16 where that is safe, if ``wanted`` and the processor has it.

    Processors without AVX-512 emulate bfloat16, ten times slower than float32: there it stays float32, with a warning.

    Parameters
    ----------
    device : str
        Type of the device: "cpu", "cuda", ...
    wanted : bool

    Examples
    --------
    >>> import torch
    >>> from pkn.nets.bfloat16 import half_precision
    >>> with half_precision("cpu", False):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.float32
    """
    return torch.autocast(device, torch.bfloat16, enabled=wanted and (device != "cpu" or _cpu_has_bfloat16()))


@cache  # so that it warns once
def _cpu_has_bfloat16() -> bool:
    has = torch.backends.cpu.get_cpu_capability() != "AVX2"
    if not has:
        warnings.warn("this processor has no bfloat16: networks compute in float32", stacklevel=3)
    return has
