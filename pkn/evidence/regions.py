"""Kinds of region of an image: flat, edge, texture."""

import numpy as np
from scipy.ndimage import gaussian_filter

KINDS = ("flat", "edge", "texture")
FLAT = 0.15  # of the noise: root mean square slope per pixel up to which a region is flat
COHERENT = 0.6  # from which slopes of one direction are an edge
FINE, COARSE = 1.0, 2.0  # px, of slopes, and of the region that is looked at


def kinds_of(image: np.ndarray, noise_level: float) -> np.ndarray:
    """What is around each pixel of a denoised image, by its structure tensor.

    Parameters
    ----------
    image : array of shape (H, W)
        Denoised, grey; values that aren't finite count as 0.
    noise_level : float
        Of the noisy image: the scale for slopes.

    Returns
    -------
    array of shape (H, W), uint8
        Indices into ``KINDS``: 0 flat, 1 edge, 2 texture (and corners, and lines).

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.evidence.regions import KINDS, kinds_of
    >>> image = np.zeros((32, 64))
    >>> image[:, 32:] = 1
    >>> [KINDS[kind] for kind in kinds_of(image, 0.1)[16, [5, 32]]]
    ['flat', 'edge']
    """
    image = np.nan_to_num(np.asarray(image, float), posinf=0, neginf=0)
    dy, dx = (gaussian_filter(image, FINE, order, mode="reflect") for order in ((1, 0), (0, 1)))
    yy, xx, xy = (gaussian_filter(product, COARSE) for product in (dy * dy, dx * dx, dx * dy))
    energy = yy + xx
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(energy, np.finfo(float).tiny)
    kinds = np.where(coherence >= COHERENT, 1, 2)
    return np.where(energy <= (FLAT * noise_level) ** 2, 0, kinds).astype(np.uint8)
