"""Non-local means: w = exp(-max(0, |patch(q) - patch(p)|^2 / n - 2 sigma^2) / h^2)."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters import arrays
from pkn.filters.base import Filter, MapRange
from pkn.filters.engine import patches, patches_vjp
from pkn.filters.engine.borders import pad


class NonLocalMeansMaps(NamedTuple):
    """Maps of :class:`NonLocalMeans`, each a number or an array of shape (H, W).

    ``h`` is the filtering strength and ``sigma`` the standard deviation of the noise; both in image values, >= 0.

    Examples
    --------
    >>> NonLocalMeansMaps(h=0.1).sigma
    0.0
    """

    h: Any
    sigma: Any = 0.0


@dataclass(frozen=True)
class NonLocalMeans(Filter):
    """Pixelwise non-local means with a per-pixel ``h``: averages pixels with similar patches around them.

    The squared distance of two patches is the mean over their n pixels (summed over channels), less the 2 sigma^2 that
    noise adds to it (Buades, Coll, Morel, "Non-Local Means Denoising", IPOL 2011). Patches are not
    weighted. The central pixel has distance 0 and weight 1.

    Parameters
    ----------
    radius : int
        Of the search window, in pixels; 10 is the usual 21 x 21.
    patch_radius : int
        Of the patches, in pixels; 3 is the usual 7 x 7.
    border : {"reflect", "mirror", "nearest", "wrap", "constant"}
        As in all filters.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    Exact repeats of a pattern are averaged, and other pixels are not:

    >>> import numpy as np
    >>> from pkn.filters import NonLocalMeans
    >>> pattern = np.tile([[0.1, 0.9], [0.4, 0.6]], (3, 3))
    >>> out = NonLocalMeans(radius=2, patch_radius=1, border="wrap")(pattern, h=0.01)
    >>> out[:2, :2].round(3).tolist()
    [[0.1, 0.9], [0.4, 0.6]]
    """

    radius: int = 10
    border: str = "reflect"
    patch_radius: int = 3

    Maps: ClassVar[type[tuple[Any, ...]]] = NonLocalMeansMaps
    ranges: ClassVar = {
        "h": MapRange("image value", 0.004, 1.0, (0, np.inf), strength=1, meaning="how different patches may be"),
        "sigma": MapRange("image value", 0.001, 0.5, (0, np.inf), strength=1, meaning="noise taken off the distances"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "patch_radius", arrays.check_whole_number("patch_radius", self.patch_radius, least=0))

    @property
    def halo(self) -> int:
        return self.radius + self.patch_radius

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        return patches.forward(image, maps, self.patch_radius, self.window, valid, keep, slots)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        v_image, v_maps = patches_vjp.vjp(residuals, v_out, self.patch_radius, self.window)
        return (v_image if image_too else None), NonLocalMeansMaps(v_maps[:, :1], v_maps[:, 1:])

    def _weights(
        self, planes: np.ndarray, there: np.ndarray, valid: np.ndarray, here: Any, row: int, col: int
    ) -> np.ndarray:
        side, patch = 2 * self.radius + 1, 2 * self.patch_radius + 1
        cut = np.s_[..., row : row + side + patch - 1, col : col + side + patch - 1]
        window = pad(planes, self.halo, self.border)[cut]
        mask = 1 - pad((~valid).astype(planes.dtype), self.halo, self.border)[cut]  # a constant border is valid
        mask *= there[:, None, None]
        around = np.lib.stride_tricks.sliding_window_view(window, (patch, patch), (2, 3))
        pairs = np.lib.stride_tricks.sliding_window_view(mask, (patch, patch), (1, 2))
        centre = np.s_[self.radius_z, ..., self.radius, self.radius, :, :]
        both = pairs * pairs[centre]
        total = (((around - around[centre][:, None, None]) ** 2).sum(1) * both).sum((-1, -2))
        mean = total / np.maximum(both.sum((-1, -2)), 1)
        h, sigma = (values.item() for values in here)
        weights = (
            np.exp(-np.maximum(0, mean - 2 * sigma**2) / max(h * h, 1e-30))
            * pairs[..., self.patch_radius, self.patch_radius]
        )
        return np.asarray(weights / (weights.sum() if weights.any() else np.nan))
