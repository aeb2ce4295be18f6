"""The error that JPEG left in an image, told from the edges of its blocks."""

import numpy as np

BLOCK = 8  # px
SHARE = 0.635  # of the error at the blocks' edges that blurred images lose most by, if it is taken for white noise
DISTINCT = 6.0  # standard deviations by which the jumps between blocks must differ from those within them


def compression_error(planes: np.ndarray) -> float:
    """The white noise level that compression is worth where an image is sharpened, in image values.

    A block's error doesn't depend on its neighbours': pixels at both sides of an edge differ from what the slopes
    around let expect by more than anywhere else, by twice the error's variance in the mean square (of an error that is
    constant in a block). Measured for every phase of the grid, for the image may be a crop.

    Of nine photographs, blurred by 1.2 px, with noise or without, of qualities of 30 to 90 the best noise level to
    deconvolve with is 0.5 to 0.8 times the error at the edges.

    Parameters
    ----------
    planes : array of shape (C, H, W)
        NaN where a pixel is missing.

    Returns
    -------
    float
        0 if there is no grid.

    Examples
    --------
    >>> import numpy as np
    >>> blocks = np.random.default_rng(0).normal(0, 0.1, (1, 20, 30)).repeat(8, 1).repeat(8, 2)
    >>> round(compression_error(blocks), 2), compression_error(blocks[:, ::8, ::8])
    (0.06, 0.0)
    """
    powers = np.array([_jumps(np.moveaxis(planes, axis, -1)) for axis in (1, 2) if planes.shape[axis] >= 4 * BLOCK])
    excesses = []
    for phases in powers:
        edge = int(phases.argmax())
        inside = np.delete(np.roll(phases, -edge), (0, 1, BLOCK - 1))  # jumps next to an edge know of it
        excess = phases[edge] - inside.mean()
        excesses.append(excess if excess > DISTINCT * inside.std() else 0.0)
    return float(SHARE * np.sqrt(max(min(excesses, default=0.0), 0.0) / 2))


def _jumps(lines: np.ndarray) -> np.ndarray:
    """Mean squares of differences less the mean of those before and after, for each phase of the grid."""
    steps = np.diff(lines.astype(np.float64), axis=-1)
    squares = np.square(steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2)
    parts = [squares[..., phase::BLOCK] for phase in range(BLOCK)]
    return np.array([part.mean(where=np.isfinite(part)) if np.isfinite(part).any() else 0.0 for part in parts])
