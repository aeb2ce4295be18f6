"""Simulated volumes, as a light microscope records them: spheres, shells of membranes and filaments, blurred."""

import numpy as np
from scipy.ndimage import gaussian_filter

FILAMENT_STEPS, STEP, BEND = 250, 0.7, 0.08  # number and length (px) of a filament's pieces, and how they turn
MEMBRANE = 1.2  # px, the width of a shell


def draw_volume(
    random: np.random.Generator, shape: tuple[int, int, int], planes_apart: int = 3, crowd: float = 1.0
) -> np.ndarray:
    """Draw a clean volume.

    Parameters
    ----------
    random : numpy.random.Generator
    shape : (int, int, int)
        Planes, rows and columns.
    planes_apart : int
        Distance of the planes in pixels; each is the mean of what lies between it and the next.
    crowd : float
        Factor of the number of structures.

    Returns
    -------
    float32 array of ``shape``
        From 0, nothing, to 1, the brightest; all 0 if there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.volumes import draw_volume
    >>> volume = draw_volume(np.random.default_rng(0), (4, 64, 64), crowd=10)
    >>> volume.shape, float(volume.min()) >= 0, float(volume.max())
    ((4, 64, 64), True, 1.0)
    """
    fine = (shape[0] * planes_apart, *shape[1:])
    field = np.zeros(fine, np.float32)
    number = crowd * np.prod(fine) / 1e6
    for _ in range(random.poisson(13 * number)):
        field += random.uniform(0.2, 0.8) * (_distance(random, fine) < random.uniform(3, 14))
    for _ in range(random.poisson(3 * number)):
        across = (_distance(random, fine) - random.uniform(15, 45)) / MEMBRANE
        field += random.uniform(0.4, 1.0) * np.exp(-np.square(across))
    for _ in range(random.poisson(13 * number)):
        _add_filament(field, random)
    blurred = gaussian_filter(field, (random.uniform(1.2, 3.0), *2 * (random.uniform(0.7, 1.5),)))
    planes = blurred.reshape(shape[0], planes_apart, *shape[1:]).mean(1)
    return np.asarray((planes / max(planes.max(), 1e-3)).clip(0), np.float32)


def _distance(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Distances (px) of all voxels from a centre drawn among them."""
    z, y, x = (np.arange(side) + 0.5 - random.uniform(0, side) for side in shape)
    squares = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
    return np.asarray(np.sqrt(squares), np.float32)


def _add_filament(field: np.ndarray, random: np.random.Generator) -> None:
    """Add a random walk that turns slowly."""
    turns = np.cumsum(BEND * random.normal(size=(FILAMENT_STEPS, 3)), axis=0) + random.normal(size=3)
    steps = STEP * turns / np.linalg.norm(turns, axis=1, keepdims=True)
    places = np.floor(random.uniform(0, field.shape) + np.cumsum(steps, axis=0)).astype(int)
    inside = places[np.all((places >= 0) & (places < field.shape), axis=1)]
    field[tuple(inside.T)] += 4 * random.uniform(0.5, 1.2)
