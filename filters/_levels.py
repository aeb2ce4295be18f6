"""From one level of a pyramid to the next: 2 x 2 means down, half-pixel bilinear up, and their adjoints.

The pair keeps phase. A side of odd length counts its last pixel twice on the way down, and is cut on the way up.
"""

import numpy as np


def level_size(size: tuple[int, int], level: int) -> tuple[int, int]:
    """Height and width of a level of an image of ``size``, level 0 being the image's own."""
    return -(-size[0] // 2**level), -(-size[1] // 2**level)


def halve(image: np.ndarray, gaps: bool = False) -> np.ndarray:
    """Means of 2 x 2 pixels of (..., H, W); with ``gaps``, of those that aren't NaN."""
    height, width = image.shape[-2:]
    if height % 2 or width % 2:
        image = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(0, height % 2), (0, width % 2)], mode="edge")
    parts = [image[..., r::2, c::2] for r in (0, 1) for c in (0, 1)]
    if not gaps:
        return (parts[0] + parts[1] + (parts[2] + parts[3])) * image.dtype.type(0.25)
    count = np.sum([~np.isnan(part) for part in parts], axis=0, dtype=image.dtype)
    parts = [np.where(np.isnan(part), 0, part) for part in parts]
    with np.errstate(invalid="ignore"):  # the same sum, so that whole blocks have the same bits either way
        return np.asarray((parts[0] + parts[1] + (parts[2] + parts[3])) / count)


def halve_adjoint(v_half: np.ndarray, size: tuple[int, int], seen: np.ndarray | None = None) -> np.ndarray:
    """The transpose of :func:`halve` for an image of ``size``; ``seen`` (..., H, W): where it had no gaps."""
    if seen is not None:
        share = halve(seen.astype(v_half.dtype))
        v_half = np.where(share > 0, v_half / np.maximum(share, v_half.dtype.type(0.25)), 0)
        return np.where(seen, halve_adjoint(v_half, size), 0)
    v_image = np.repeat(np.repeat(v_half * v_half.dtype.type(0.25), 2, -2), 2, -1)
    for axis in (-2, -1):
        v_image = np.moveaxis(v_image, axis, 0)
        if size[axis] % 2:
            v_image[-2] += v_image[-1]
            v_image = v_image[:-1]
        v_image = np.moveaxis(v_image, 0, axis)
    return v_image


def double(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation of (..., H, W) to twice as many pixels, cut to ``size``; a constant stays the same."""
    quarter = image.dtype.type(0.25)
    *rest, height, width = image.shape
    tall = np.empty((*rest, 2 * height, width), image.dtype)
    tall[..., ::2, :] = tall[..., 1::2, :] = image
    step = (image[..., 1:, :] - image[..., :-1, :]) * quarter
    tall[..., 1:-1:2, :] += step
    tall[..., 2::2, :] -= step
    tall = tall[..., : size[0], :]
    out = np.empty((*tall.shape[:-1], 2 * width), image.dtype)
    out[..., ::2] = out[..., 1::2] = tall
    step = (tall[..., 1:] - tall[..., :-1]) * quarter
    out[..., 1:-1:2] += step
    out[..., 2::2] -= step
    return out[..., : size[1]]


def blend(fine: np.ndarray, coarse: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``coarse + share (fine - coarse)``, exact for a share of 0 and 1; and the difference."""
    step = fine - coarse
    return np.where(share < 0.5, coarse + share * step, fine - (1 - share) * step), step


def double_adjoint(v_image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The transpose of :func:`double` of an image of ``size``."""
    for axis in (-2, -1):
        v_image = np.moveaxis(v_image, axis, 0)
        v_both = np.zeros((2 * size[axis], *v_image.shape[1:]), v_image.dtype)
        v_both[: v_image.shape[0]] = v_image
        v_half = v_both[::2] + v_both[1::2]
        v_step = (v_both[1:-1:2] - v_both[2::2]) * v_image.dtype.type(0.25)
        v_half[1:] += v_step
        v_half[:-1] -= v_step
        v_image = np.moveaxis(v_half, 0, axis)
    return v_image
