"""The architecture of a network: all that is needed to build it, in torch or without."""

import math
from dataclasses import dataclass

from pkn.filters import Filter, Pyramid

NOISES = ("white", "camera")
SIGMA_FLOOR = 2 / 255  # image values; added to the noise level, so that the scale of the inputs has a lower bound
FEATURE_SIDE = 5  # px; side of the kernels of the linear features that a guide consists of
RGB_PYRAMID_WIDTH, WIDTH = 20, 24  # chosen so that a network has fewer than 20,000 parameters


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
        Channels of its convolutions; 0 for the default, which is 24, or 20 for pyramids of RGB images.
    depth : int
        Number of 3 x 3 convolutions.
    noise : {"white", "camera"}
        The noise that the network was trained for; it decides how the noise level is estimated.

    Raises
    ------
    ValueError
        If ``noise`` is neither "white" nor "camera".

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

    def __post_init__(self) -> None:
        if self.noise not in NOISES:
            raise ValueError(f"noise is {self.noise!r}; expected one of {', '.join(NOISES)}")
        if not self.width:
            wide = self.channels == 1 or not isinstance(self.filter, Pyramid)
            object.__setattr__(self, "width", WIDTH if wide else RGB_PYRAMID_WIDTH)

    @property
    def settings(self) -> dict[str, int | str]:
        """All settings but the filter and the channels, by name."""
        return {"down": self.down, "width": self.width, "depth": self.depth, "noise": self.noise}

    @property
    def names(self) -> list[list[str]]:
        """Names of the maps of each pyramid level; for all other filters, one list of all names."""
        names = list(self.filter.Maps._fields)  # type: ignore[attr-defined]
        if not isinstance(self.filter, Pyramid):
            return [names]
        return [[name for name in names if self.filter.level_of(name) == level] for level in range(self.filter.levels)]

    def written(self, level: int) -> list[str]:
        """Names of the maps of a pyramid level that the network's head predicts."""
        return [name for name in self.names[level] if not is_guide(name)]

    def guides(self, level: int) -> list[str]:
        """Names of the maps of a pyramid level that are linear features of the image."""
        return [name for name in self.names[level] if is_guide(name)]

    def planes(self, level: int) -> list[int]:
        """Number of planes of each map that the level's head predicts."""
        return [math.prod(self.filter.plane_shape(name)) for name in self.written(level)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weights, by their names."""
        width = self.width
        shapes: dict[str, tuple[int, ...]] = {}
        for level in range(len(self.names)):
            planes = sum(self.planes(level))
            shapes |= {
                f"stems.{level}.weight": (width, self.channels * self.down**2, 3, 3),
                f"stems.{level}.bias": (width,),
                f"scales.{level}.weight": (width, 1, 1, 1),
                f"heads.{level}.weight": (planes, width, 1, 1),
                f"heads.{level}.bias": (planes,),
            }
            for name in self.guides(level):
                features = math.prod(self.filter.plane_shape(name))
                shapes[f"features.{name}.weight"] = (features, self.channels, FEATURE_SIDE, FEATURE_SIDE)
        for layer in range(1, 2 * self.depth - 1, 2):
            shapes |= {f"trunk.{layer}.weight": (width, width, 3, 3), f"trunk.{layer}.bias": (width,)}
        return shapes

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(shape) for shape in self.shapes().values())


def is_guide(name: str) -> bool:
    """Whether the map ``name`` is a guide, which consists of linear features of the image."""
    return name.partition("_")[0] == "guide"
