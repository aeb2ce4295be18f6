"""What is said of a pixel, step by step, the fast before the slow: values, kernel, what decides, certainty, proof."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pkn.evidence.certificates import certify
from pkn.evidence.deviations import uncertainty
from pkn.evidence.regions import KINDS
from pkn.filters.arrays import FULL_RANGE, native, to_floats
from pkn.restoration.explanation import explain_pixel, level_shares
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.view.blocks import Area
from pkn.view.denoised_page import DenoisedPage

AROUND = 40  # px, that are certified with a pixel
DRAWN = 64  # px around a pixel in which its noise is drawn anew
STEP = 8  # px, parts begin at multiples
DRAWS, COVERAGE = 16, 0.9

Said = dict[str, Any]


def pixel_steps(page: DenoisedPage, position: tuple[int, int], strength: Any) -> Iterator[Said]:
    """Explain one pixel of a page's result.

    Parameters
    ----------
    page : DenoisedPage
    position : (row, column)
    strength : float or (float, float)

    Yields
    ------
    dict
        As JSON represents it: first ``before``, ``after`` (in the file's values), ``kernels`` and ``levels``; then
        ``decisive`` and ``changes``; ``std``, ``low`` and ``high``; ``certificate``. Of a pixel that carries no weight
        only the first two.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.denoised_page import DenoisedPage
    >>> from pkn.view.pixel import pixel_steps
    >>> noisy = np.random.default_rng(0).normal(128, 20, (120, 150)).clip(0, 255).astype(np.uint8)
    >>> first = next(pixel_steps(DenoisedPage(noisy), (40, 60), 1.0))
    >>> first["before"] == [float(noisy[40, 60])], len(first["kernels"])
    (True, 1)
    """
    row, column = position
    part = Area(row - AROUND, column - AROUND, row + AROUND + 1, column + AROUND + 1)
    part = _aligned(part, page.size)
    wide = page.widened(part, STEP)
    at, crop, maps = (row - wide.top, column - wide.left), page.crop(wide), page.maps(wide, strength)
    before = _numbers(page.pixels[position], page)
    if page.valid is not None and not page.valid[position]:
        yield {"before": before, "after": before, "kernels": [], "levels": {}, "skipped": True}
        return
    yield {"before": before, "after": _numbers(maps.apply(crop)[at], page, True)} | _kernels(page, maps, crop, at)
    yield _why(page, maps, crop, at)
    yield _certainty(page, position, strength)
    yield _certificate(page, maps, part, wide, strength)


def _aligned(part: Area, size: tuple[int, int]) -> Area:
    """The part, larger so that it begins and ends at multiples, within an image."""
    top, left = (max(0, start // STEP * STEP) for start in part[:2])
    bottom, right = (min(side, -(-stop // STEP) * STEP) for stop, side in zip(part[2:], size, strict=True))
    return Area(top, left, bottom, right)


def _numbers(values: Any, page: DenoisedPage, fractions: bool = False) -> list[float]:
    """Values of the channels as the file has them; ``fractions`` of the full range are brought there."""
    scale = FULL_RANGE.get(native(page.pixels.dtype), 1) if fractions else 1
    return [float(f"{float(value) * scale:.6g}") for value in np.atleast_1d(values)]


def _kernels(page: DenoisedPage, maps: ParameterMaps, crop: np.ndarray, at: tuple[int, int]) -> Said:
    """Weights of each part, and the shares of levels."""
    found, shares = maps.kernel_at(crop, at), level_shares(maps)
    names = list(shares) if page.strengths == 2 else [""]
    kernels = []
    for name, kernel in zip(names, found if page.strengths == 2 else [found], strict=True):
        weights = np.nan_to_num(np.asarray(kernel, np.float32))
        kernels.append(
            {
                "name": name,
                "side": len(weights),
                "weights": base64.b64encode(weights.astype("<f4").tobytes()).decode(),
                "pixels": float(1 / max(1e-12, np.square(weights).sum())),
                "own": float(weights[len(weights) // 2, len(weights) // 2]),
            }
        )
    levels = {name: [float(each) for each in share[(slice(None), *at)]] for name, share in shares.items()}
    return {"kernels": kernels, "levels": levels}


def _why(page: DenoisedPage, maps: ParameterMaps, crop: np.ndarray, at: tuple[int, int]) -> Said:
    why = explain_pixel(maps, crop, at)
    if not why.changes:
        return {"decisive": "", "meaning": "", "changes": []}
    changes = [_numbers(change, page, True) for change in why.changes[why.decisive]]
    meaning, after = maps.ranges[why.decisive].meaning, _numbers(why.after, page, True)
    return {"decisive": why.decisive, "meaning": meaning, "changes": changes, "after": after}


def _certainty(page: DenoisedPage, position: tuple[int, int], strength: Any) -> Said:
    """Deviation and interval, of draws in a small part around the pixel, with the noise and contrast of the whole."""
    row, column = position
    part = _aligned(Area(row - DRAWN, column - DRAWN, row + DRAWN, column + DRAWN), page.size)
    noise = {"sigma": page.told.level} if page.profile is None else {"noise": page.profile}
    mask = None if page.valid is None else page.valid[part.tile]
    settings = {"strength": strength, "channel_axis": page.channel_axis, "mask": mask, "draws": DRAWS, "rng": 0}
    sure = uncertainty(to_floats(page.pixels[part.tile]), page.net, **noise, **settings)
    sure = replace(sure, contrast=page.told.span.contrast or sure.contrast)
    at = row - part.top, column - part.left
    said = {
        "std": _numbers(sure.std[at], page, True),
        "bias": _numbers(sure.bias[at], page, True),
        "draws": DRAWS,
        "coverage": COVERAGE,
        "kind": KINDS[sure.kinds[at]],
        "noise": _numbers(sure.noise_level, page, True)[0],
    }
    if sure.intervals is None:
        return said
    low, high = sure.interval(COVERAGE)
    return said | {"low": _numbers(low[at], page, True), "high": _numbers(high[at], page, True)}


def _certificate(page: DenoisedPage, maps: ParameterMaps, part: Area, wide: Area, strength: Any) -> Said:
    """Of the part as it is shown, in words; what lies around it is only there to be averaged."""
    crop = page.crop(wide)
    result = maps.apply(crop, dtype="same")
    if page.valid is None:
        inner = Area(part.top - wide.top, part.left - wide.left, part.bottom - wide.top, part.right - wide.left)
        result[inner.tile] = page.denoised(part, strength)
    certificate = certify(crop, result, maps)
    size = f"{part.bottom - part.top} x {part.right - part.left} px"
    return {"certificate": str(certificate).splitlines(), "holds": certificate.holds, "around": size}
