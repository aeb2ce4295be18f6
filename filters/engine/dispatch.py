"""Registration of filters in the window core: Numba dispatches on the type of a filter's maps.

A filter registers five small functions:

    coefficients(maps, coef)                            turns the maps into factors of the energy, in place
    coefficients_vjp(maps, value, v_coef)               applies the chain rule back to the maps, in place
    energy(maps, coef, i, tap, dz, dr, dc, d2)          log2 of the weight (<= 0) from the factors in column i
    energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e) adds to column i of v_coef
    range_factor(maps, coef, i)                         d energy / d d2

``coef`` has a row for each map (or plane of a map) and a column for each pixel of a block. ``d2`` is the squared
distance of the two pixels' values, summed over channels.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload

from pkn.filters.engine.compile import INLINED, inlined
from pkn.filters.engine.math import exp2

SIGNED: set[type] = set()  # types of maps whose energy is the weight itself, signed and not normalised


def coefficients(maps, coef):
    raise NotImplementedError


def coefficients_vjp(maps, value, v_coef):
    raise NotImplementedError


def energy(maps, coef, i, tap, dz, dr, dc, d2):
    raise NotImplementedError


def energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    raise NotImplementedError


def range_factor(maps, coef, i):
    raise NotImplementedError


def register(cls: type, *functions: Callable[..., Any], signed: bool = False) -> None:
    """Register the five functions of the maps type ``cls``, in the order above."""
    if signed:
        SIGNED.add(cls)

    def only(number: int, maps: Any) -> Callable[..., Any] | None:
        return functions[number] if isinstance(maps, types.BaseNamedTuple) and maps.instance_class is cls else None

    overload(coefficients, jit_options=INLINED)(lambda maps, coef: only(0, maps))
    overload(coefficients_vjp, jit_options=INLINED)(lambda maps, value, v_coef: only(1, maps))
    overload(energy, jit_options=INLINED)(lambda maps, coef, i, tap, dz, dr, dc, d2: only(2, maps))
    overload(energy_vjp, jit_options=INLINED)(lambda maps, v_coef, i, tap, dz, dr, dc, d2, v_e: only(3, maps))
    overload(range_factor, jit_options=INLINED)(lambda maps, coef, i: only(4, maps))


def signed(maps):
    """Whether the maps' type is in ``SIGNED``; a constant at compile time."""
    raise NotImplementedError


@overload(signed, jit_options=INLINED)
def _signed(maps):
    return (lambda maps: True) if maps.instance_class in SIGNED else (lambda maps: False)


def masked(v, mask_channel, values, row, i):
    """``v`` times ``values[row, i]``, which is 1 where a pixel is valid and 0 elsewhere.

    It is ``v`` itself where ``mask_channel`` is None: then all pixels are valid.
    """
    raise NotImplementedError


@overload(masked, jit_options=INLINED)
def _masked(v, mask_channel, values, row, i):
    if isinstance(mask_channel, types.NoneType):
        return lambda v, mask_channel, values, row, i: v
    return lambda v, mask_channel, values, row, i: v * values[row, i]


@inlined
def weight(maps, coef, i, tap, dz, dr, dc, d2):
    e = energy(maps, coef, i, tap, dz, dr, dc, d2)
    return e if signed(maps) else exp2(e)


@inlined
def load(maps, n, y, x, count, coef):
    """Fill rows of ``coef`` with ``count`` columns of all maps (N or 1, planes, H or 1, W or 1), then the first."""
    row = 0
    for k in range(len(maps)):
        values = maps[k]
        at_n, at_y = min(n, values.shape[0] - 1), min(y, values.shape[2] - 1)
        for plane in range(values.shape[1]):
            source = values[at_n, plane, at_y]
            if source.size == 1:
                coef[row, :] = source[0]
            else:
                part = source[x : x + count]
                for i in range(count):
                    coef[row, i] = part[i]
                coef[row, count:] = part[0]
            row += 1
