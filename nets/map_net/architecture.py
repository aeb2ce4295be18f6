"""The architecture of a network: all that is needed to build it, in torch or without."""

import math
from dataclasses import dataclass, replace

from pkn.filters import Filter, LumaChromaPyramid, Pyramid
from pkn.filters.pyramid import Part

NOISES = ("white", "profile")
SIGMA_FLOOR = 2 / 255  # image values; added to the noise level, so that the scale of the inputs has a lower bound
SECOND = "second."  # precedes the names of the weights that are for the second pass
FEATURE_SIDE = 5  # px; side of the kernels of the linear features that a guide consists of
SECOND_SIDE = 3  # px; of those of a second pass for luma and chroma: larger ones are more than 20,000 weights
LUMA_CHROMA_WIDTH, RGB_PYRAMID_WIDTH, WIDTH = 22, 20, 24  # chosen so that a network has fewer than 20,000 parameters


@dataclass(frozen=True)
class Architecture:
    """The filter and the sizes of a :class:`MapNet`.

    Parameters
    ----------
    filter : Filter
        The filter whose maps the network predicts.
    channels : {1, 3}
        Channels of its input images.
    down : {2, 4}
        The network works at 1 / down of the image's resolution.
    width : int
        Channels of its convolutions; 0 for the default, which is 24, or 20 to 22 for pyramids of RGB images.
    depth : int
        Number of 3 x 3 convolutions.
    noise : {"white", "profile"}
        What the network is told of the noise: one level, or a level at each pixel, pyramid level and part of the filter
        (luma and chroma), as a :class:`pkn.NoiseProfile` has it.
    passes : {1, 2}
        With 2, the network has a second set of outputs and of a guide's features, for a second pass in which the guide
        is made of the first one's result, with less noise, and of the noisy image. A pyramid of planes has the second
        pass on each level: the guide of a level is made of the first one's result there, whose windows have half the
        radius.

    Raises
    ------
    ValueError
        If ``noise`` is neither "white" nor "profile", ``passes`` neither 1 nor 2 (2 for pyramids alone), or
        the filter is for images of other channels.

    Examples
    --------
    >>> from pkn.filters import Bilateral
    >>> from pkn.nets import Architecture
    >>> architecture = Architecture(Bilateral(), channels=1)
    >>> architecture.width, architecture.parameters
    (24, 16586)
    """

    filter: Filter
    channels: int
    down: int = 2
    width: int = 0
    depth: int = 4
    noise: str = "white"
    passes: int = 1

    def __post_init__(self) -> None:
        if self.noise not in NOISES:
            raise ValueError(f"noise is {self.noise!r}; expected one of {', '.join(NOISES)}")
        if self.passes not in (1, 2) or (self.passes == 2 and not self.parts):
            raise ValueError(f"passes is {self.passes}; expected 1, or 2 for pyramids")
        if self.filter.channels not in (None, self.channels):
            raise ValueError(f"channels is {self.channels}; expected {self.filter.channels} for {self.filter}")
        if not self.width:
            rgb_width = RGB_PYRAMID_WIDTH if isinstance(self.filter, Pyramid) and self.channels > 1 else WIDTH
            luma_chroma = isinstance(self.filter, LumaChromaPyramid)
            object.__setattr__(self, "width", LUMA_CHROMA_WIDTH if luma_chroma else rgb_width)

    @property
    def settings(self) -> dict[str, int | str]:
        """All settings but the filter and the channels, by name."""
        own: dict[str, int | str] = {"down": self.down, "width": self.width, "depth": self.depth, "noise": self.noise}
        return own | ({"passes": self.passes} if self.passes > 1 else {})

    @property
    def parts(self) -> tuple[Part, ...]:
        """The pyramids that the filter consists of; none for all other filters."""
        return self.filter.parts if isinstance(self.filter, Pyramid | LumaChromaPyramid) else ()

    @property
    def names(self) -> list[list[str]]:
        """Names of the maps that the network predicts on each of its levels; for other filters, one list of all.

        On level l they are those of a pyramid's level l, or l + lag if its filters begin at a coarser level than the
        network; what it has on finer levels than that is predicted on level 0.
        """
        if not isinstance(self.filter, Pyramid | LumaChromaPyramid):
            return [list(self.filter.Maps._fields)]  # type: ignore[attr-defined]
        levels: list[list[str]] = [[] for _ in range(self.parts[0].pyramid.levels - self.parts[0].lag)]
        for part in self.parts:
            for name in part.pyramid.Maps._fields:  # type: ignore[attr-defined]
                levels[max(part.pyramid.level_of(name) - part.lag, 0)].append(part.full(name))
        return levels

    @property
    def folds(self) -> list[tuple[slice, int, int]]:
        """The inputs of a level: planes of the filter, how often they are halved first, and the side of folded blocks.

        Of all inputs so many pixels become the channels of one.
        """
        if not self.parts:
            return [(slice(None), 0, self.down)]
        return [(part.channels, part.lag, self.down // 2**part.lag) for part in self.parts]

    @property
    def chained(self) -> bool:
        """Whether prediction itself filters: the second pass's guide of a level needs the first one's result there."""
        return self.passes == 2 and not self.filter.radius_z

    @property
    def first_parts(self) -> list[Part]:
        """The pyramids of the first of two passes: a guide is worth fewer taps than the result."""
        return [
            part._replace(pyramid=replace(part.pyramid, radius=-(-part.pyramid.radius // 2))) for part in self.parts
        ]

    def enlargement(self, level: int, name: str) -> int:
        """How often the output of a level's head is enlarged to the size of the map ``name``."""
        finer = level - self.filter.level_of(name) if self.parts else 0  # type: ignore[attr-defined]
        return int(self.down * 2**finer)

    def written(self, level: int) -> list[str]:
        """Names of the maps of a pyramid level that the network's head predicts."""
        return [name for name in self.names[level] if not is_guide(name)]

    def guides(self, level: int) -> list[str]:
        """Names of the maps of a pyramid level that are linear features of the image."""
        return [name for name in self.names[level] if is_guide(name)]

    def guide_size(self, name: str, second: bool) -> tuple[int, int]:
        """Planes that a guide is made of, and the side of its kernels.

        In a second pass it is made of the first one's result and, beside it, of the noisy image; for chroma beside it
        is the first result for luma, which has less noise and the same edges.
        """
        if not second:
            return self.channels, FEATURE_SIDE
        if not self.chained:  # of volumes, whose first results are images
            return 2 * self.channels, FEATURE_SIDE
        own = next(k for k, part in enumerate(self.parts) if name.startswith(part.name))
        beside = max(own - 1, 0)
        planes = sum(len(range(self.channels)[self.parts[k].channels]) for k in (own, beside))
        return planes, FEATURE_SIDE if len(self.parts) == 1 else SECOND_SIDE

    def planes(self, level: int) -> list[int]:
        """Number of planes of each map that the level's head predicts."""
        return [math.prod(self.filter.plane_shape(name)) for name in self.written(level)]

    @property
    def by_level(self) -> bool:
        """Whether the network is told noise levels for each level and input, not one for all."""
        return self.noise == "profile" or len(self.folds) > 1

    @property
    def folded(self) -> list[int]:
        """Channels of each of the inputs after folding."""
        return [len(range(self.channels)[planes]) * side**2 for planes, _, side in self.folds]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weights, by their names."""
        width = self.width
        shapes: dict[str, tuple[int, ...]] = {}
        for level in range(len(self.names)):
            outputs = sum(self.planes(level))
            shapes |= {
                f"stems.{level}.weight": (width, sum(self.folded), 3, 3),
                f"stems.{level}.bias": (width,),
                f"scales.{level}.weight": (width, len(self.folded), 1, 1),
            }
            for prefix in ("", SECOND)[: self.passes]:
                shapes |= {
                    f"{prefix}heads.{level}.weight": (outputs, width, 1, 1),
                    f"{prefix}heads.{level}.bias": (outputs,),
                }
                for name in self.guides(level):
                    features = math.prod(self.filter.plane_shape(name))
                    planes, side = self.guide_size(name, prefix == SECOND)
                    shapes[f"{prefix}features.{name}.weight"] = features, planes, side, side
        for layer in range(1, 2 * self.depth - 1, 2):
            shapes |= {f"trunk.{layer}.weight": (width, width, 3, 3), f"trunk.{layer}.bias": (width,)}
        return shapes

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(shape) for shape in self.shapes().values())


def is_guide(name: str) -> bool:
    """Whether the map ``name`` is a guide, which consists of linear features of the image."""
    return "guide" in name.split("_")
