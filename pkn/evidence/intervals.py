"""How far the truth was from denoised images, in units of the expected error: factors for intervals of a coverage."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pkn.evidence.regions import KINDS
from pkn.io.atomic import atomic_path
from pkn.pretrained import COLOURS, weights_folder

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99)
FORMAT = 1


@dataclass(frozen=True)
class Intervals:
    """Factors for each kind of region, from images whose truth is known: split conformal prediction (Vovk et al. 2005).

    Parameters
    ----------
    levels : tuple of float
        Noise levels over the image's contrast, increasing.
    table : tuple of tuples of tuples of float
        Factors for each noise level, kind of region and coverage of ``COVERAGES``.
    about : str
        The images and the command they come from.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.evidence.intervals import bundled_intervals
    >>> factors = bundled_intervals("any-noise", 1).factors(0.9, 25 / 255, np.array([0, 1, 2]))
    >>> factors.shape, bool(factors.min() > 1)
    ((3,), True)
    """

    levels: tuple[float, ...]
    table: tuple[tuple[tuple[float, ...], ...], ...]
    about: str = ""

    def factors(self, coverage: float, level: float, kinds: np.ndarray) -> np.ndarray:
        """The factor of each pixel, for its kind; between measured levels interpolated, beyond them the nearest.

        Raises
        ------
        ValueError
            If ``coverage`` is below the least that was measured, or above the greatest.
        """
        if not COVERAGES[0] <= coverage <= COVERAGES[-1]:
            raise ValueError(f"coverage is {coverage!r}; expected {COVERAGES[0]} to {COVERAGES[-1]}")
        table, logs = np.array(self.table), np.log(self.levels)
        at = np.log(max(level, self.levels[0]))
        per_kind = [
            np.interp(at, logs, [np.interp(coverage, COVERAGES, row) for row in table[:, kind]])
            for kind in range(len(KINDS))
        ]
        return np.asarray(np.array(per_kind)[kinds])

    def save(self, path: str | Path) -> None:
        """Write a JSON file.

        Raises
        ------
        OSError
            If it can't be written.
        """
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, "coverages": COVERAGES, **asdict(self)}))

    @classmethod
    def load(cls, path: str | Path) -> "Intervals":
        """Read what :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file holds something else.
        OSError
            If it can't be read.
        """
        text = Path(path).read_text()
        try:
            values = json.loads(text)
            table = np.array(values["table"], float)
            levels = tuple(float(level) for level in values["levels"])
            if table.shape != (wanted := (len(levels), len(KINDS), len(COVERAGES))):
                raise ValueError(f"table has shape {table.shape}; expected {wanted}")
            if not (np.isfinite(table).all() and table.min() > 0 and levels[0] > 0 and np.all(np.diff(levels) > 0)):
                raise ValueError("factors and levels must be finite and above 0, and levels increase")
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"cannot read '{path}' as intervals: {error}") from None
        return cls(levels, tuple(tuple(map(tuple, rows)) for rows in table.tolist()), str(values.get("about", "")))


def bundled_intervals(net: Any, channels: int) -> Intervals | None:
    """Those of a bundled network, or None."""
    return _load(net, channels) if isinstance(net, str) else None


@cache
def _load(net: str, channels: int) -> Intervals | None:
    path = weights_folder() / "intervals" / f"{net}-{COLOURS.get(channels, channels)}.json"
    return Intervals.load(path) if path.is_file() else None
