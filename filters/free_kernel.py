"""Free kernels: every pixel has its own K x K weights, given as logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.base import Filter, MapRange
from pkn.filters.engine.dispatch import register
from pkn.filters.engine.math import exp2

LOG2E = float(np.log2(np.e))
LARGEST_LOGIT = 1e4


class SoftmaxMaps(NamedTuple):
    """Maps of :class:`FreeKernel` with "softmax": the softmax of ``logits`` (K, K, H, W) over the window is the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> SoftmaxMaps(logits=np.zeros((3, 3))).logits.shape
    (3, 3)
    """

    logits: Any


class TanhMaps(NamedTuple):
    """Maps of :class:`FreeKernel` with "tanh": the tanh of ``logits`` (K, K, H, W) is the kernel, not normalised.

    Examples
    --------
    >>> import numpy as np
    >>> TanhMaps(logits=np.zeros((3, 3))).logits.shape
    (3, 3)
    """

    logits: Any


def _softmax(maps, coef):
    top = coef[0].copy()
    for k in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            top[i] = max(top[i], coef[k, i])
    for k in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            coef[k, i] = coef.dtype.type(LOG2E) * (coef[k, i] - top[i])


def _softmax_vjp(maps, value, v_coef):
    v_coef *= v_coef.dtype.type(LOG2E)  # adding a constant to all logits changes nothing: the maximum has no cotangent


def _tanh(maps, coef):
    cast = coef.dtype.type
    for k in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            t = exp2(cast(-2 * LOG2E) * abs(coef[k, i]))
            size = (cast(1) - t) / (cast(1) + t)
            coef[k, i] = size if coef[k, i] > 0 else -size


def _tanh_vjp(maps, value, v_coef):
    cast = v_coef.dtype.type
    for k in range(v_coef.shape[0]):
        for i in range(v_coef.shape[1]):
            t = exp2(cast(-2 * LOG2E) * abs(value[k, i]))
            v_coef[k, i] *= cast(4) * t / ((cast(1) + t) * (cast(1) + t))


def _energy(maps, coef, i, tap, dz, dr, dc, d2):
    return coef[tap, i]


def _energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[tap, i] += v_e


def _range_factor(maps, coef, i):
    return coef.dtype.type(0)


register(SoftmaxMaps, _softmax, _softmax_vjp, _energy, _energy_vjp, _range_factor)
register(TanhMaps, _tanh, _tanh_vjp, _energy, _energy_vjp, _range_factor, signed=True)


@dataclass(frozen=True)
class FreeKernel(Filter):
    """Free K x K weights per pixel, K = 2 radius + 1, from ``logits`` of shape (K, K, H, W) or (K, K).

    With windows of several planes, logits are (planes, K, K, D, H, W) for a stack of D planes.

    Parameters
    ----------
    normalization : {"softmax", "tanh"}
        "softmax": positive weights that sum to 1; those less than 2^-126 of the window's largest are 0, even if that is
        of a missing pixel. "tanh": signed weights that are not normalised, as kernel-predicting
        samplers need them: the output may leave the range of the input.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    Signed weights can compute a derivative, here by central differences of a ramp:

    >>> import numpy as np
    >>> from pkn.filters import FreeKernel
    >>> ramp = np.tile(np.arange(5.0), (4, 1))
    >>> logits = np.zeros((3, 3))
    >>> logits[1, 0], logits[1, 2] = np.arctanh([-0.5, 0.5])
    >>> FreeKernel(radius=1, normalization="tanh")(ramp, logits)[0].round(3).tolist()
    [0.5, 1.0, 1.0, 1.0, 0.5]
    """

    radius: int = 2
    normalization: str = "softmax"

    ranges: ClassVar = {"logits": MapRange("", -8.0, 8.0, (-LARGEST_LOGIT, LARGEST_LOGIT), logarithmic=False)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalization not in ("softmax", "tanh"):
            raise ValueError(f'normalization is {self.normalization!r}; expected "softmax" or "tanh"')

    @property
    def Maps(self) -> type[tuple[Any, ...]]:  # type: ignore[override]  # noqa: N802 (it is a type, as in all filters)
        return SoftmaxMaps if self.normalization == "softmax" else TanhMaps

    @property
    def convex(self) -> bool:  # type: ignore[override]
        return self.normalization == "softmax"

    def plane_shape(self, name: str) -> tuple[int, ...]:
        side = 2 * self.radius + 1
        return (self.window.planes, side, side) if self.radius_z else (side, side)

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Softmax: scale the odds of all taps but the centre's; tanh: blend the kernel with the identity."""
        logits = maps["logits"]
        kernel = self.plane_shape("logits")
        centre = np.zeros(kernel + (1,) * (logits.ndim - len(kernel)), bool)
        centre[(self.radius_z, self.radius, self.radius)[-len(kernel) :]] = True
        with np.errstate(divide="ignore"):
            if self.normalization == "softmax":
                changed = np.where(centre, logits, np.maximum(logits + np.log(strength), -LARGEST_LOGIT))
            else:
                changed = np.arctanh(np.clip((1 - strength) * centre + strength * np.tanh(logits), -1, 1))
                changed = np.where(strength == 1, logits, changed)
        return {"logits": np.clip(changed, -LARGEST_LOGIT, LARGEST_LOGIT).astype(logits.dtype)}
