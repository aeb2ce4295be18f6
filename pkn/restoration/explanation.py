"""Why a pixel is what it is: the pixels it was made of, the levels they came from, and the map that decided."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkn.filters import AnisotropicUpsampling, Pyramid
from pkn.filters.arrays import check_image, check_position, planar, to_floats
from pkn.filters.engine.pyramid_levels import double
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.restoration.arguments import check_maps
from pkn.restoration.map_changes import Change, change_maps, part_around
from pkn.restoration.parameter_maps import ParameterMaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PIXELS = 8


class Source(NamedTuple):
    """A pixel that went into another one, and its weight."""

    row: int
    column: int
    weight: float


@dataclass(frozen=True, eq=False)
class PixelExplanation:
    """Why an output pixel is what it is.

    Parameters
    ----------
    position : (int, int)
        Row and column.
    before, after : array of shape (C,)
        The pixel of the image and of the result.
    kernels : dict of str to array of shape (2 reach + 1, 2 reach + 1)
        Exact weights, centred on the pixel; of luma and chroma, or of the one part "".
    sources : dict of str to list of Source
        The pixels that matter most, heaviest first.
    levels : dict of str to array
        Shares of the levels of a pyramid, finest first; empty for other filters.
    changes : dict of str to Change
        For each map of one plane, the one that matters most first.
    """

    position: tuple[int, int]
    before: np.ndarray
    after: np.ndarray
    kernels: dict[str, np.ndarray]
    sources: dict[str, list[Source]]
    levels: dict[str, np.ndarray]
    changes: dict[str, Change]

    @property
    def decisive(self) -> str:
        """The map whose change would change the pixel most."""
        return next(iter(self.changes), "")

    def __str__(self) -> str:
        row, column = self.position
        lines = [f"row {row}, column {column}: {_numbers(self.before)} became {_numbers(self.after)}"]
        for part, kernel in self.kernels.items():
            name = f"{part}: " if part else ""
            own, pixels = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2], 1 / np.square(kernel).sum()
            lines.append(f"{name}an average of about {pixels:.0f} pixels, its own weight {own:.3f}")
            shares = ", ".join(f"level {n} {share:.0%}" for n, share in enumerate(self.levels.get(part, [])))
            lines += [f"{name}{shares}"] if shares else []
        if self.changes:
            change = self.changes[self.decisive]
            lower, higher = map(_numbers, change)
            lines.append(f"{self.decisive} decides: lower, it would be {lower}; higher, {higher}")
        return "\n".join(lines)

    def plot(self, image: Any, channel_axis: int | None = None) -> "Figure":
        """The image around the pixel, and the weights of each part over it, as a matplotlib figure."""
        from pkn.plotting.kernels import kernel_figure

        planes = to_floats(planar(check_image(image, channel_axis), channel_axis))
        return kernel_figure(planes.mean(0), self.position, self.kernels)


def explain_pixel(maps: ParameterMaps, image: Any, position: tuple[int, int]) -> PixelExplanation:
    """Explain one output pixel of a filter that keeps the image's size.

    Parameters
    ----------
    maps : ParameterMaps
    image : array
        What they are for, without a mask.
    position : (row, column)

    Returns
    -------
    PixelExplanation
        ``print`` says it in words, ``plot(image)`` shows the kernel.

    Raises
    ------
    ValueError
        If the position isn't in the image, or the filter enlarges it.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> image = np.zeros((64, 64), np.float32)
    >>> image[:, 32:] = 1  # an edge
    >>> noisy = image + 0.05 * np.random.default_rng(0).standard_normal(image.shape).astype(np.float32)
    >>> maps = pkn.predict_maps(noisy, sigma=0.05)
    >>> why = maps.explain(noisy, (30, 20))
    >>> bool(abs(sum(why.levels[""]) - 1) < 1e-5), len(why.sources[""])
    (True, 8)
    """
    maps = check_maps(maps)
    planes = planar(check_image(image, maps.channel_axis), maps.channel_axis)
    row, column = check_position(position, maps.shape)
    if isinstance(maps.filter, AnisotropicUpsampling):
        raise ValueError(f"maps are of {maps.filter}, which enlarges images; expected a filter that keeps their size")
    planes, values, at = part_around(maps.filter, planes, maps, (row, column))
    around = ParameterMaps(maps.filter, values, 0)
    planes = to_floats(planes)
    kernel = around.kernel_at(planes, at)
    result, changes = change_maps(around, planes, at)
    if isinstance(maps.filter, LumaChromaPyramid):
        kernels = {part.name: each for part, each in zip(maps.filter.parts, kernel, strict=True)}
    else:
        kernels = {"": kernel}
    return PixelExplanation(
        position=(row, column),
        before=planes[:, *at],
        after=result,
        kernels=kernels,
        sources={part: _heaviest(weights, (row, column), maps.shape) for part, weights in kernels.items()},
        levels={part: shares[:, *at] for part, shares in level_shares(around).items()},
        changes=changes,
    )


def level_shares(maps: ParameterMaps) -> dict[str, np.ndarray]:
    """The share of each level of a pyramid in each pixel, (levels, H, W), for each part; empty for other filters."""
    if not isinstance(maps.filter, Pyramid | LumaChromaPyramid):
        return {}
    found = {}
    for part in maps.filter.parts:
        levels = part.pyramid.levels
        shares: Any = np.ones((1, 1, *maps.filter.map_size(part.full(f"kx_{levels - 1}"), maps.shape)), np.float32)
        for level in reversed(range(levels - 1)):
            blend = maps[part.full(f"blend_{level}")][None, None]
            coarser = np.concatenate(
                [double(each[None], blend.shape[2:]) for each in np.moveaxis(shares, 1, 0)[:, None, 0]], 1
            )
            shares = np.concatenate([blend, (1 - blend) * coarser], axis=1)
        found[part.name] = shares[0]
    return found


def _heaviest(kernel: np.ndarray, at: tuple[int, int], size: tuple[int, int]) -> list[Source]:
    """Pixels of the image that weigh most in a window around ``at``."""
    order = np.argsort(-np.abs(kernel), axis=None)[: 4 * MOST_PIXELS]
    places = np.stack(np.unravel_index(order, kernel.shape), 1) + at - kernel.shape[0] // 2
    inside = [(int(r), int(c), float(kernel.flat[k])) for (r, c), k in zip(places, order, strict=True)]
    return [Source(*each) for each in inside if 0 <= each[0] < size[0] and 0 <= each[1] < size[1]][:MOST_PIXELS]


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
