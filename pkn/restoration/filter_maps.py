"""What the maps of an image and of a volume have in common: arrays by the names of a filter's maps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.filters import Filter, MapRange


@dataclass(frozen=True)
class FilterMaps(Mapping[str, np.ndarray]):
    """A filter with its settings, and an array for each of its maps."""

    filter: Filter
    values_by_name: dict[str, np.ndarray]

    @property
    def ranges(self) -> Mapping[str, MapRange]:
        """Unit, range and meaning of each map."""
        return self.filter.ranges

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError(f"maps are several arrays; expected one of them by name: maps[{next(iter(self))!r}]")

    def copies(self) -> dict[str, np.ndarray]:
        """The arrays as float32 of their own, in the order of the filter's maps.

        Raises
        ------
        ValueError, TypeError
            If their names aren't those of the filter's maps.
        """
        names = list(self.filter.Maps._fields)  # type: ignore[attr-defined]
        if not isinstance(self.values_by_name, Mapping):
            raise TypeError(f"maps are a {type(self.values_by_name).__name__}; expected a mapping of {names} to arrays")
        if sorted(self.values_by_name) != sorted(names):
            raise ValueError(
                f"maps are {sorted(self.values_by_name)}; expected {names} for the filter {type(self.filter).__name__}"
            )
        return {name: np.array(self.values_by_name[name], np.float32, order="C") for name in names}
