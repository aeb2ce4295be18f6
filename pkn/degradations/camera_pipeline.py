"""A camera: noise on a Bayer mosaic, demosaicking, white balance, colour matrix, tone curve, resizing and JPEG.

A photograph is taken back to a sensor's linear values and developed again, with noise in between (after Brooks et al.,
"Unprocessing images for learned raw denoising", CVPR 2019). So the noise is what cameras leave of a sensor's: it
depends on intensity by the tone curve, and demosaicking, resizing and JPEG spread it over neighbours and channels. What
a network should restore is the same development of the mosaic without noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from scipy.ndimage import correlate, gaussian_filter

from pkn.filters.luma_chroma_pyramid import to_opponent, to_rgb

# Colour matrices of three cameras, CIE XYZ (D65) to camera, as their makers' raw converters have them, rounded.
XYZ_TO_CAMERA = np.array(
    [
        [[0.67, -0.17, -0.08], [-0.44, 1.28, 0.18], [-0.06, 0.17, 0.65]],
        [[0.78, -0.26, -0.09], [-0.45, 1.26, 0.21], [-0.10, 0.20, 0.73]],
        [[0.82, -0.30, -0.10], [-0.38, 1.20, 0.20], [-0.08, 0.17, 0.60]],
    ]
)
SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # IEC 61966-2-1
TONES = np.linspace(0, 1, 2049)  # at which the tone curve is tabulated for its inverse
METHODS = ("bilinear", "malvar")


@dataclass(frozen=True)
class Camera:
    """What a camera does between the light and the file.

    Parameters
    ----------
    gain, read_noise : float
        Of the sensor, for linear values of 0 to 1: the variance is ``gain`` x + ``read_noise``^2.
    balance : (float, float)
        Gains of red and blue against green.
    matrix : array of shape (3, 3)
        From balanced camera values to linear sRGB; rows sum to 1.
    contrast : float
        Share of an S-shaped curve (3 x^2 - 2 x^3) in the tone curve, after sRGB's.
    pattern : (int, int)
        Row and column of the mosaic's first red pixel, 0 or 1.
    method : {"bilinear", "malvar"}
        Of demosaicking: means of neighbours, or the linear filters of Malvar, He and Cutler 2004.
    smoothing : float
        Standard deviation of a Gaussian, px, by which the camera smooths luma's noise and nothing but noise, as if its
        own denoising were perfect at edges; twice as wide for chroma. 0 for none.
    scale : float
        By which the image is resized.
    quality : int or None
        Of JPEG; None for none.
    """

    gain: float
    read_noise: float
    balance: tuple[float, float]
    matrix: np.ndarray
    contrast: float
    pattern: tuple[int, int] = (0, 0)
    method: str = "malvar"
    smoothing: float = 0.0
    scale: float = 1.0
    quality: int | None = None


def draw_camera(random: np.random.Generator, gain: float | None = None) -> Camera:
    """Draw a plausible camera: a gain from 1e-4 to 0.02 unless given, and read noise as sensors have it at that gain.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.camera_pipeline import draw_camera
    >>> camera = draw_camera(np.random.default_rng(0))
    >>> 1e-4 <= camera.gain <= 0.02, bool(abs(camera.matrix.sum(1) - 1).max() < 1e-9)
    (True, True)
    """
    to_camera = np.tensordot(random.dirichlet(np.ones(3)), XYZ_TO_CAMERA, 1) @ SRGB_TO_XYZ
    gain = gain or float(np.exp(random.uniform(np.log(1e-4), np.log(0.02))))
    read_noise = float(np.exp(0.5 * (2.18 * np.log(gain) + 1.2 + random.normal(0, 0.26))))  # Brooks et al., section 3
    row, column = random.integers(0, 2, 2)
    return Camera(
        gain,
        read_noise,
        (float(random.uniform(1.6, 2.4)), float(random.uniform(1.4, 1.9))),
        np.linalg.inv(to_camera / to_camera.sum(1, keepdims=True)),
        float(random.uniform(0, 1)),
        (int(row), int(column)),
        METHODS[int(random.integers(2))],
        float(random.uniform(0.3, 1.0)) if random.random() < 0.4 else 0.0,
        float(random.uniform(0.5, 1)) if random.random() < 0.25 else 1.0,
        None if random.random() < 0.1 else int(random.integers(60, 101)),
    )


def photograph(scene: np.ndarray, camera: Camera, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Take a scene's photograph.

    Parameters
    ----------
    scene : float array of shape (H, W, 3)
        A clean photograph, sRGB, 0 to 1.
    camera : Camera
    random : numpy.random.Generator

    Returns
    -------
    (array, array) of shape (scale H, scale W, 3), float32
        The photograph, and what it would be without noise (and without JPEG).

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.camera_pipeline import Camera, photograph
    >>> camera = Camera(0.01, 0.002, (2.0, 1.5), np.eye(3), contrast=0.0)
    >>> grey = np.full((32, 32, 3), 0.5)
    >>> noisy, clean = photograph(grey, camera, np.random.default_rng(0))
    >>> round(float(clean.mean()), 3), bool(noisy.std() > 0.02)
    (0.5, True)
    """
    red, green, _ = sites = bayer_sites(scene.shape[:2], camera.pattern)
    linear = np.interp(scene, _tone(TONES, camera.contrast), TONES) @ np.linalg.inv(camera.matrix).T
    raw = np.clip(linear / (camera.balance[0], 1, camera.balance[1]), 0, 1)
    mosaic = np.where(red, raw[..., 0], np.where(green, raw[..., 1], raw[..., 2]))
    deviation = np.sqrt(camera.gain * mosaic + camera.read_noise**2)
    noisy = np.clip(mosaic + deviation * random.standard_normal(mosaic.shape), 0, 1)
    clean, noisy = (_developed(values, sites, camera) for values in (mosaic, noisy))
    if camera.smoothing:
        noise = to_opponent((noisy - clean).transpose(2, 0, 1)[None])[0]
        widths = camera.smoothing * np.array([1, 2, 2])
        smooth = np.stack([gaussian_filter(plane, width) for plane, width in zip(noise, widths, strict=True)])
        noisy = clean + to_rgb(smooth[None])[0].transpose(1, 2, 0)
    if camera.scale != 1:
        kernel = Image.Resampling(int(random.choice([Image.Resampling.BICUBIC, Image.Resampling.BOX])))
        size = [round(camera.scale * side) for side in clean.shape[:2]]
        clean, noisy = resized(clean, size, kernel), resized(noisy, size, kernel)
    return _compressed(noisy, camera.quality).astype(np.float32), clean.astype(np.float32)


def resized(image: np.ndarray, size: Sequence[int], kernel: Image.Resampling) -> np.ndarray:
    """Resample an image (H, W, C) to ``size``, (rows, columns)."""
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(image, 2, 0)]
    return np.stack([np.asarray(plane.resize((size[1], size[0]), kernel)) for plane in planes], axis=2)


def _tone(linear: np.ndarray, contrast: float) -> np.ndarray:
    """SRGB's curve, blended with an S-shaped one."""
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-8) ** (1 / 2.4) - 0.055)
    return np.asarray(curve + contrast * (3 * curve**2 - 2 * curve**3 - curve))


def bayer_sites(size: tuple[int, int], pattern: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of a Bayer mosaic's red, green and blue pixels."""
    row, column = ((np.arange(side) + first) % 2 for side, first in zip(size, pattern, strict=True))
    red, blue = (row[:, None] + column == 0), (row[:, None] + column == 2)
    return red, ~(red | blue), blue


def _developed(mosaic: np.ndarray, sites: tuple[np.ndarray, ...], camera: Camera) -> np.ndarray:
    red, green, blue = sites
    balanced = np.clip(mosaic * (red * camera.balance[0] + green + blue * camera.balance[1]), 0, 1)
    rgb = np.clip(demosaic(balanced, sites, camera.method), 0, 1) @ camera.matrix.T
    return _tone(np.clip(rgb, 0, 1), camera.contrast)


def demosaic(mosaic: np.ndarray, sites: tuple[np.ndarray, ...], method: str) -> np.ndarray:
    """Interpolate a mosaic (H, W) to (H, W, 3); ``sites`` are the masks of its red, green and blue pixels."""
    red, green, blue = sites
    if method == "bilinear":
        cross, square = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4, np.outer([1, 2, 1], [1, 2, 1]) / 4
        kernels = ((red, square), (green, cross), (blue, square))
        return np.stack([correlate(mosaic * where, kernel, mode="mirror") for where, kernel in kernels], axis=-1)
    at_other, along, across, diagonal = (correlate(mosaic, kernel, mode="mirror") for kernel in MALVAR)
    rows_of_red = red.any(1, keepdims=True)
    other = np.where(rows_of_red, along, across), np.where(rows_of_red, across, along)
    planes = (
        np.where(red, mosaic, np.where(blue, diagonal, other[0])),
        np.where(green, mosaic, at_other),
        np.where(blue, mosaic, np.where(red, diagonal, other[1])),
    )
    return np.stack(planes, axis=-1)


_ALONG = np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]) / 8
# Malvar, He and Cutler 2004, figure 2: green at red or blue; red or blue at green, its own colour in the row or in the
# column; red at blue and blue at red.
MALVAR = (
    np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8,
    _ALONG,
    _ALONG.T,
    np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8,
)


def _compressed(image: np.ndarray, quality: int | None) -> np.ndarray:
    """The image after JPEG, with chroma at half the resolution up to a quality of 90, as cameras do it."""
    if quality is None:
        return image
    file = BytesIO()
    rounded = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    Image.fromarray(rounded).save(file, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return np.asarray(Image.open(file)) / np.float32(255)
