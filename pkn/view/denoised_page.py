"""One page of an image file, denoised part by part: bit-identical to the whole at once, by what the whole tells."""

from typing import Any

import numpy as np

from pkn.filters.arrays import all_finite, check_image, planar, rounded, to_floats
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.nets.map_net.tiling import Tile, Told, alignment, halo, widened
from pkn.restoration.arguments import check_strength, fill_gaps
from pkn.restoration.noise_estimation import profile_of_statistics
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sample_of, statistics_of
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.plain_units import readable_maps
from pkn.restoration.planes import black_of, counted, filtered, filtering_net, told_of, values_of
from pkn.version import __version__
from pkn.view.blocks import BLOCK, Area, Kept, blocks_of

DENOISED, MAPS = "denoised", "maps"  # layers, beside the image itself
RESULTS, PREDICTED = 2**29, 2**29  # bytes of results and of maps in plain units, and of the network's maps


class DenoisedPage:
    """A page whose noise is estimated once, over all of it, and whose parts are denoised when they are asked for.

    Parameters
    ----------
    pixels : array of shape (H, W) or (H, W, 3)
    mask : bool array of shape (H, W), optional
        Pixels that are False carry no weight, and stay as they are.
    net : str, path or network
    noise : float or NoiseProfile, optional
        If it is known: a noise level in image values, or a profile.

    Raises
    ------
    ValueError, TypeError
        As :func:`pkn.denoise` does.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.view.blocks import Area
    >>> from pkn.view.denoised_page import DenoisedPage
    >>> noisy = np.random.default_rng(0).integers(0, 255, (300, 400), np.uint8)
    >>> page = DenoisedPage(noisy)
    >>> part = page.denoised(Area(250, 100, 300, 180), strength=1.0)
    >>> bool(np.array_equal(part, pkn.denoise(noisy, dtype="same")[250:300, 100:180]))
    True
    """

    def __init__(
        self, pixels: np.ndarray, mask: np.ndarray | None = None, net: Any = "any-noise", noise: Any = None
    ) -> None:
        self.channel_axis = None if pixels.ndim == 2 else -1
        self.pixels, self.mask, self.net = check_image(pixels, self.channel_axis), mask, net
        self.size = (pixels.shape[0], pixels.shape[1])
        self.planes = planar(pixels, self.channel_axis)
        self.network = filtering_net(net, len(self.planes))
        if BLOCK % alignment(self.network):
            raise ValueError(
                f"net is {net!r}, which aligns parts to {alignment(self.network)} px; expected a power of 2"
            )
        self.halo = halo(self.network)
        self.valid = valid = self._where_valid()
        sample, known = sample_of(self.planes), None if valid is None else sample_of(valid[None])[0]
        if noise is None and self.network.noise != "white":
            noise = profile_of_statistics(statistics_of(sample, known), len(self.planes))
        self.profile: NoiseProfile | None = noise if isinstance(noise, NoiseProfile) else None
        self.told = told_of(self.network, sample, noise, known)
        self._filled = None if valid is None else fill_gaps(self._inputs(self.planes)[0], valid[None])[0]
        self._results, self._predicted = Kept(RESULTS), Kept(PREDICTED)

    @property
    def strengths(self) -> int:
        """How many strengths the network's filter takes: two, of luma and chroma, or one."""
        return 2 if isinstance(self.network.filter, LumaChromaPyramid) else 1

    def missing(self, layer: str, blocks: Area, strength: Any) -> np.ndarray:
        """Which blocks of a layer are not computed yet."""
        have = [(layer, strength, block) in self._results for block in blocks.blocks()]
        return ~np.reshape(have, (blocks.bottom - blocks.top, blocks.right - blocks.left))

    def compute(self, layer: str, blocks: Area, strength: Any) -> np.ndarray:
        """Compute blocks of a layer, all together, and keep them; their planes (C, H, W)."""
        part = blocks.pixels(self.size)
        values = self._filtered(part, strength) if layer == DENOISED else self._readable(part, strength)
        for block in blocks.blocks():
            rows, columns = _within(block.pixels(self.size).tile, part.tile)
            self._results.put((layer, strength, block), [values[:, rows, columns].copy()])
        return values

    def values(self, layer: str, part: Area, strength: Any) -> np.ndarray:
        """Planes (C, H, W) of pixels of a layer; blocks that are missing are computed one by one."""
        out: np.ndarray | None = None
        for block in blocks_of(part).blocks():
            kept = self._results.get((layer, strength, block))
            found = kept[0] if kept else self.compute(layer, block, strength)
            if out is None:
                out = np.empty((len(found), part.bottom - part.top, part.right - part.left), found.dtype)
            pixels = block.pixels(self.size)
            inner = Area(*map(max, pixels[:2], part[:2]), *map(min, pixels[2:], part[2:]))
            out[:, *_within(inner.tile, part.tile)] = found[:, *_within(inner.tile, pixels.tile)]
        assert out is not None
        return out

    def denoised(self, part: Area, strength: Any) -> np.ndarray:
        """Pixels of the result, with the page's axes and dtype: those of ``pkn.denoise(..., dtype="same")``."""
        planes = self.values(DENOISED, part, strength)
        return planes[0] if self.channel_axis is None else np.moveaxis(planes, 0, -1)

    def crop(self, part: Area) -> np.ndarray:
        """Pixels of the page; where some don't count they are floats, and those that don't are NaN."""
        cut = self.pixels[part.tile]
        return cut if self.valid is None else np.where(_as(cut, self.valid[part.tile]), to_floats(cut), np.nan)

    def widened(self, part: Area, step: int) -> Area:
        """The part with all that its result depends on; it begins at a multiple of ``step`` pixels."""
        start = Area(part.top // step * step, part.left // step * step, part.bottom, part.right)
        rows, columns = widened(start.tile, self.halo, self.size)
        return Area(rows.start, columns.start, rows.stop, columns.stop)

    def maps(self, wide: Area, strength: Any) -> ParameterMaps:
        """The maps of a part, those of the whole but near the part's borders."""
        about = {"pkn": __version__, "net": str(self.net), "sigma": self.told.level, "sigma_given": False}
        return ParameterMaps(self.network.filter, self._values(wide.tile, strength), self.channel_axis, about)

    def _where_valid(self) -> np.ndarray | None:
        """Where pixels count, or None if all do."""
        finite = None if all_finite(self.pixels) else np.isfinite(self.planes).all(0)
        if self.mask is None or finite is None:
            return self.mask if finite is None else finite
        return np.asarray(finite & self.mask)

    def _inputs(self, planes: np.ndarray) -> tuple[np.ndarray, Told]:
        """What the network sees of planes, (1, C, H, W), float32, and what it is told of them."""
        return counted(to_floats(planes)[None], self.told, black_of(self.pixels.dtype, self.told))

    def _values(self, wide: Tile, strength: Any) -> dict[str, np.ndarray]:
        key = tuple((side.start, side.stop) for side in wide)
        arrays = self._predicted.get(key)
        names = list(self.network.filter.ranges)
        if arrays is None:
            inputs, told = self._inputs(self.planes[:, *wide])
            inputs = inputs if self._filled is None else to_floats(self._filled[:, *wide])[None]
            maps = values_of(inputs, self.network, 1, told)
            arrays = [maps[name] for name in names]
            self._predicted.put(key, arrays)
        values = dict(zip(names, arrays, strict=True))
        power = check_strength(strength)
        return values if power in (1, (1, 1)) else self.network.filter.strengthen(values, power)

    def _filtered(self, part: Area, strength: Any) -> np.ndarray:
        """Planes of the result, of the page's dtype."""
        wide = widened(part.tile, self.halo, self.size)
        floats = to_floats(self.planes[:, *wide])[None]
        mask = None if self.mask is None else np.ascontiguousarray(self.mask[wide])[None]
        result = filtered(floats, self.network, self._values(wide, strength), mask)
        out = rounded(result[:, *_within(part.tile, wide)], self.pixels.dtype)
        return out if self.mask is None else np.where(self.mask[part.tile], out, self.planes[:, *part.tile])

    def _readable(self, part: Area, strength: Any) -> np.ndarray:
        """Maps in plain units, in the order of :meth:`pkn.ParameterMaps.readable`."""
        rows, columns = widened(part.tile, self.halo, self.size)
        wide = Area(rows.start, columns.start, rows.stop, columns.stop)
        found = readable_maps(self.maps(wide, strength), self.crop(wide), at=wide[:2])
        inner = _within(part.tile, wide.tile)
        if not found:
            return np.empty((0, part.bottom - part.top, part.right - part.left), np.float32)
        return np.stack([np.asarray(each.values[inner], np.float32) for each in found.values()])


def _as(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) with the axes of an image."""
    return mask if image.ndim == 2 else mask[..., None]


def _within(part: Tile, wide: Tile) -> Tile:
    """Where a part lies in a wider one."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, wide, strict=True))
    return rows, columns
