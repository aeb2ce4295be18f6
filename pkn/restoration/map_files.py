"""Files of maps: arrays, and a header with the filter, its settings, units and provenance."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pkn.filters import FILTERS, Filter
from pkn.io.atomic import atomic_path
from pkn.io.npz import LARGEST, read_npz
from pkn.nets.weights import LARGEST_SETTING

FORMAT = 1
OF_IMAGES = "parameter maps"  # the kind of files that don't say it
TIFF = (".tif", ".tiff")


def header_of(flt: Filter, kind: str, provenance: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a file says of a filter's maps; ``more`` must be representable in JSON, as provenance."""
    return {
        "format": FORMAT,
        "kind": kind,
        "filter": {"name": type(flt).__name__, **asdict(flt)},
        **more,
        "provenance": provenance,
        "maps": {
            name: {"unit": limits.unit, "low": limits.low, "high": limits.high, "meaning": limits.meaning}
            for name, limits in flt.ranges.items()
        },
    }


def filter_of(header: Mapping[str, Any]) -> Filter:
    """The filter that a header tells of, if its settings aren't absurd."""
    settings = dict(header["filter"])
    numbers = [value for value in settings.values() if not isinstance(value, str | list)]
    if not all(value <= LARGEST_SETTING for value in numbers):
        raise ValueError(f"settings are {numbers}; expected at most {LARGEST_SETTING}")
    return {kind.__name__: kind for kind in FILTERS}[settings.pop("name")](**settings)


def write_maps(path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray], suffixes: tuple[str, ...]) -> None:
    """Write a file with one of ``suffixes``, whole or not at all.

    Raises
    ------
    ValueError
        If it has another suffix, or the arrays more bytes than would be read.
    OSError
        If the file can't be written.
    """
    if path.suffix.lower() not in suffixes:
        expected = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
        raise ValueError(f"path is '{path}'; expected a name that ends in {expected}")
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST:
        raise ValueError(f"maps have {size} bytes; expected at most {LARGEST}, which can be read")
    with atomic_path(path) as temporary:
        if path.suffix.lower() in TIFF:
            _write_tiff(temporary, json.dumps(header), arrays)
        else:
            np.savez_compressed(temporary, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


@contextmanager
def reading(path: Path, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Header and arrays of a file; what is wrong with them, also for who takes them, is one ValueError."""
    try:
        header, arrays = _read_tiff(path) if path.suffix.lower() in TIFF else _read_npz(path)
        if header["format"] != FORMAT:
            raise ValueError(f"its format is {header['format']!r}; expected {FORMAT}")
        if (found := header.get("kind", OF_IMAGES)) != kind:
            raise ValueError(f"it holds {found}")
        yield header, arrays
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"cannot read '{path}' as {kind}: {error}") from error


def _read_npz(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays = read_npz(path)
    return json.loads(str(arrays.pop("header"))), arrays


def _write_tiff(path: Path, header: str, arrays: dict[str, np.ndarray]) -> None:
    import tifffile

    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(page for v in arrays.values() for page in v.reshape(-1, *v.shape[-2:])):
            file.write(
                page,
                photometric="minisblack",
                compression="deflate",
                predictor=True,
                description=None if number else header,
                metadata=None,
            )


def _read_tiff(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    import tifffile

    from pkn.io.tiff import check_chain, quiet_tifffile

    with quiet_tifffile(), tifffile.TiffFile(path) as stored:
        check_chain(stored)
        header = json.loads(stored.pages[0].description)  # type: ignore[union-attr]
        size = sum(page.nbytes for page in stored.pages)
        if size > LARGEST:
            raise ValueError(f"its maps have {size} bytes, more than {LARGEST}")
        pages = iter([page.asarray() for page in stored.pages])
    flt = filter_of(header)
    arrays = {}
    for name in header["maps"]:
        plane_shape = flt.plane_shape(name)
        planes = np.stack([next(pages) for _ in range(math.prod(plane_shape))])
        arrays[name] = planes.reshape(plane_shape + planes.shape[1:])
    return header, arrays
