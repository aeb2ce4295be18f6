"""Real noise: pairs of a noisy image and its truth; networks that are told nothing, opponents at their best setting.

Opponents' settings are chosen on the very files that are measured, which favours them.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pkn.degradations.measured_noise import measured_curve
from pkn.evaluation.metrics import Method, Row, axis_of, psnr, ssim
from pkn.io.folders import to_float32
from pkn.io.images import read_image
from pkn.pretrained import find_net
from pkn.restoration.denoising import denoise
from pkn.sampling.batching import Callback, silent

STRENGTHS = (2, 3, 4, 5, 6, 8, 10, 14, 20)  # h of non-local means, of 255
FACTORS = (0.7, 1.0, 1.4, 2.0)  # of the true noise level, for wavelets and BM3D
ENDINGS = ("_noisy", "_clean")

Pair = tuple[np.ndarray, np.ndarray]  # noisy and clean, (H, W) or (H, W, 3), in [0, 1]


def read_pairs(folder: str | Path) -> list[Pair]:
    """Read the pairs of a folder: files ``*_noisy.*`` and ``*_clean.*``, or folders ``noisy`` and ``clean``.

    Raises
    ------
    ValueError
        If there are none, or a pair's images differ in shape.
    """
    folder = Path(folder)
    noisy = sorted(folder.glob(f"*{ENDINGS[0]}.*"))
    clean = [path.with_name(path.name.replace(*ENDINGS)) for path in noisy]
    if not noisy and (folder / "noisy").is_dir() and (folder / "clean").is_dir():
        noisy, clean = (sorted(path for path in (folder / name).iterdir()) for name in ("noisy", "clean"))
    if not noisy or len(noisy) != len(clean):
        raise ValueError(f"'{folder}' has {len(noisy)} noisy images; expected pairs *_noisy.* and *_clean.*")
    pairs = [(_pixels(a), _pixels(b)) for a, b in zip(noisy, clean, strict=True)]
    for path, (a, b) in zip(noisy, pairs, strict=True):
        if a.shape != b.shape:
            raise ValueError(f"'{path}' has shape {a.shape} and its truth {b.shape}; expected the same")
    return pairs


def _pixels(path: Path) -> np.ndarray:
    pixels = to_float32(read_image(path).pages[0])
    grey = pixels.ndim == 3 and np.array_equal(pixels, np.repeat(pixels[..., :1], pixels.shape[2], axis=2))
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def evaluate_pairs(
    folder: str | Path,
    nets: Sequence[str],
    baselines: bool = False,
    limit: int | None = None,
    callback: Callback = silent,
) -> list[Row]:
    """Measure networks on pairs of images, with nothing said, and other libraries' methods beside them.

    Parameters
    ----------
    folder : path
        See :func:`read_pairs`.
    nets : sequence of str
        Bundled names or ``.safetensors`` files.
    baselines : bool
        Non-local means of OpenCV (if installed), wavelets of scikit-image and BM3D (if installed; on grey images behind
        the generalised Anscombe transform), each at the best of several settings.
    limit : int, optional
        Take only so many pairs.
    callback : callable
        ``callback(done, total, {"what": text})`` before each method.

    Returns
    -------
    list of Row
        The noisy image, networks, baselines.
    """
    pairs = read_pairs(folder)[:limit]
    grey = pairs[0][0].ndim == 2
    noisy = Method("noisy", lambda given, truth: given)
    groups: list[list[Method]] = [[noisy], *([_net(name, 1 if grey else 3)] for name in nets)]
    if baselines:
        groups += _opponents(grey)
    rows = []
    for number, methods in enumerate(groups):
        callback(number, len(groups), {"what": methods[0].name})
        measured = [_measure(method, pairs, Path(folder).name) for method in methods]
        rows.append(max(measured, key=lambda row: row.psnr))
    callback(len(groups), len(groups), {"what": "done"})
    return rows


def _net(name: str, channels: int) -> Method:
    return Method(
        name,
        lambda given, truth: denoise(given, name, channel_axis=axis_of(given)),
        find_net(name, channels).architecture.parameters,
    )


def _measure(method: Method, pairs: list[Pair], data: str) -> Row:
    scores = []
    for number, (given, clean) in enumerate(pairs):
        truth = {"clean": clean}
        if number == 0:
            method.restore(given, truth)
        begin = time.perf_counter()
        out = np.clip(method.restore(given, truth), 0, 1)
        seconds = (time.perf_counter() - begin) / (given.shape[0] * given.shape[1] / 1e6)
        scores.append((psnr(out, clean), ssim(np.asarray(out, np.float32), clean), seconds))
    means = np.mean(scores, axis=0)
    speed = float(np.median([seconds for *_, seconds in scores]))
    return Row(
        data, "real noise", method.name, method.parameters, float(means[0]), float(means[1]), speed, method.setting
    )


def _opponents(grey: bool) -> list[list[Method]]:
    groups = []
    if find_spec("cv2"):
        groups.append([Method("NLM (OpenCV)", partial(_nlm, h=h), setting=f"h {h}") for h in STRENGTHS])
    groups.append(
        [Method("wavelet (scikit-image)", partial(_wavelet, factor=f), setting=f"{f:g} sigma") for f in FACTORS]
    )
    if find_spec("bm3d"):
        run, name = (_stabilised_bm3d, "BM3D, stabilised variance") if grey else (_colour_bm3d, "CBM3D")
        groups.append([Method(name, partial(run, factor=f), setting=f"{f:g} sigma") for f in FACTORS])
    return groups


def _nlm(given: np.ndarray, truth: dict[str, np.ndarray], h: float) -> np.ndarray:
    import cv2

    integers = np.rint(255 * given).astype(np.uint8)
    if given.ndim == 3:
        return np.asarray(cv2.fastNlMeansDenoisingColored(integers, None, h, h) / np.float32(255))
    return np.asarray(cv2.fastNlMeansDenoising(integers, None, h) / np.float32(255))


def _level(given: np.ndarray, truth: dict[str, np.ndarray]) -> float:
    return float(np.std(given - truth["clean"]))


def _wavelet(given: np.ndarray, truth: dict[str, np.ndarray], factor: float) -> np.ndarray:
    from skimage.restoration import denoise_wavelet

    return np.asarray(denoise_wavelet(given, factor * _level(given, truth), channel_axis=axis_of(given)))


def _colour_bm3d(given: np.ndarray, truth: dict[str, np.ndarray], factor: float) -> np.ndarray:
    import bm3d

    return np.asarray(bm3d.bm3d_rgb(given.astype(np.float64), factor * _level(given, truth)))


def _stabilised_bm3d(given: np.ndarray, truth: dict[str, np.ndarray], factor: float) -> np.ndarray:
    """BM3D behind the generalised Anscombe transform, whose gain and read noise are those of the true noise."""
    import bm3d

    curve = measured_curve(given[None], truth["clean"][None])
    slope, offset = np.polyfit(curve.intensity, curve.sigma[0, 0] ** 2, 1)
    if slope <= 0:
        return np.asarray(bm3d.bm3d(given.astype(np.float64), factor * _level(given, truth)))
    stabilise, back = _anscombe(float(slope), float(offset))
    return np.asarray(back(bm3d.bm3d(stabilise(given.astype(np.float64)), factor)))


def _anscombe(
    gain: float, offset: float
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """The transform after which noise of variance ``gain`` x + ``offset`` has variance 1, and its unbiased inverse.

    In closed form, by Makitalo and Foi, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", 2013.
    """
    variance = offset / gain**2  # of the Gaussian part, in photons

    def stabilise(x: np.ndarray) -> np.ndarray:
        return 2 * np.sqrt(np.maximum(x / gain + 3 / 8 + variance, 0))

    def back(y: np.ndarray) -> np.ndarray:
        d = np.maximum(y, 2 * np.sqrt(3 / 8))
        photons = d**2 / 4 + np.sqrt(3 / 2) / (4 * d) - 11 / (8 * d**2) + 5 * np.sqrt(3 / 2) / (8 * d**3) - 1 / 8
        return np.asarray(gain * (photons - variance))

    return stabilise, back
