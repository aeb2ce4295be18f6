"""What denoising may lose: `python -m benchmarks.contrast_detail TRAIN [FIGURE.png | --rgb]`, TRAIN photographs.

Discs and bars on flat ground, in cells of an image with white noise of 25/255: at which contrast an observer still
tells cells with a signal from cells without in 90 % of pairs, before and after denoising; how much contrast is left;
what became of the noise; and whether intervals hold the truth. Peers are told the noise level, with the settings that
are best for 12 photographs of TRAIN. With `--rgb`: in colour images, signals of luma and of colour.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

import pkn
from benchmarks.contrast_detail_figure import PICTURES, draw
from pkn.evaluation.baselines import denoisers
from pkn.evaluation.benchmark import TUNING_IMAGES
from pkn.evaluation.contrast_detail import (
    bar,
    bootstrap_thresholds,
    contrast_transfer,
    disc,
    split,
    threshold_contrast,
    tile,
)
from pkn.evaluation.metrics import Method, mean_psnr
from pkn.evaluation.observers import (
    detectability,
    hotelling_scores,
    ideal_detectability,
    template_scores,
    threshold_detectability,
)
from pkn.evaluation.tasks import make_task
from pkn.io.folders import read_folder

SIGMA, GROUND = 25 / 255, 0.4
IDEAL = tuple(np.geomspace(1, 12, 6))  # d' of the ideal observer before denoising, which set the contrasts
SHOWN, SHOWN_OBSERVERS = 3, 2  # of these, in the tables; scores of few cells must overlap
CELLS, SLOW_CELLS = 10, 6  # in a row and in a column; fewer where calls are slow
FEW = ("noisy, 36 cells", "BM3D")
DISCS = (2, 4, 8, 16, 32)
SIGNALS = {f"disc {d}": disc(d, 72 if d > 16 else 48) for d in DISCS} | {f"bar {w}": bar(w, 24, 48) for w in (1, 4)}
PHANTOM = DISCS[1:], IDEAL[2:]  # diameters and d' of the picture
TEXTURED = ("disc 4", "disc 16")  # that are also drawn on texture
BLOCK = 16  # px, for means over areas of flat ground
HUES = {"grey": (1, 1, 1), "red and green": (1, -1, 0), "yellow and blue": (1, 1, -2)}  # orthogonal directions of RGB
Restore = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Found:
    """Of a signal and a method, at each contrast: shares of contrast and sum that are left, and d'; the threshold."""

    contrasts: np.ndarray  # in noise levels
    transfer: np.ndarray
    total: np.ndarray
    template: np.ndarray
    hotelling: np.ndarray
    threshold: float
    error: float


def main(train: str, figure: str | None = None) -> None:
    methods = chosen(train)
    grounds = {name: restored_grounds(name, restore) for name, restore in methods.items()}
    studies = {name: study_all(name, restore, grounds[name]) for name, restore in methods.items()}
    textured = {name: on_texture(restore, cells_of(name)) for name, restore in methods.items()}
    print_thresholds(studies)
    print_transfer(studies, textured)
    print_observers(studies)
    print_noise({name: ground[48] for name, ground in grounds.items()})
    print_intervals()
    if figure:
        draw(studies, ideal_thresholds(), {name: phantom(methods[name]) for name in PICTURES}, PHANTOM, Path(figure))


def main_rgb(train: str) -> None:
    methods = chosen_rgb(train)
    for hue, direction in HUES.items():
        print(f"\n# Signals of {hue}\n")
        along_it = {name: along(direction, restore) for name, restore in methods.items()}
        studies = {name: study_all(name, each, restored_grounds(name, each)) for name, each in along_it.items()}
        print_thresholds(studies)
        print_transfer(studies)


def chosen(train: str) -> dict[str, Restore]:
    """Ours, blind and at other strengths; peers with the setting that is best for training images."""
    widths = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)  # px
    peers = {name: denoisers()[name] for name in ("BM3D", "NLM (OpenCV)", "TV (scikit-image)")}
    peers["Gaussian"] = [
        Method("Gaussian", lambda given, truth, w=w: gaussian_filter(given, w), setting=f"width {w:g} px")
        for w in widths
    ]
    return {
        "noisy": lambda image: image,
        "noisy, 36 cells": lambda image: image,  # what BM3D is to be held against
        "pkn": pkn.denoise,
        "pkn, told": partial(pkn.denoise, sigma=SIGMA),
        "pkn, strength 0.5": partial(pkn.denoise, strength=0.5),
        "pkn, strength 2": partial(pkn.denoise, strength=2.0),
        "pkn, bilateral": partial(pkn.denoise, net="bilateral"),
        **best_settings(peers, train, 1),
    }


def chosen_rgb(train: str) -> dict[str, Restore]:
    """As :func:`chosen`, of RGB images (H, W, 3), and without the slow ones."""
    ours: dict[str, Any] = {"pkn": 1.0, "pkn, strength (1, 0.5)": (1, 0.5), "pkn, strength 0.5": 0.5}
    peers = {name: denoisers()[name] for name in ("NLM (OpenCV)", "TV (scikit-image)")}
    return {
        "noisy": lambda image: image,
        **{name: partial(pkn.denoise, strength=strength, channel_axis=-1) for name, strength in ours.items()},
        **best_settings(peers, train, 3),
    }


def best_settings(peers: dict[str, list[Method]], train: str, channels: int) -> dict[str, Restore]:
    """Peers, told the noise level, with the setting that is best for 12 photographs."""
    images = read_folder(train, channels)
    images = [images[i] for i in np.random.default_rng(0).permutation(len(images))[:TUNING_IMAGES]]
    case, truth = make_task("denoise", (255 * SIGMA,)).cases[0], {"sigma": SIGMA}
    methods: dict[str, Restore] = {}
    for name, settings in peers.items():
        best = max(settings, key=lambda method: mean_psnr(method, images, case)) if settings[1:] else settings[0]
        print(f"{name}: {best.setting or 'as published'}", file=sys.stderr, flush=True)
        methods[name.split(" (")[0]] = lambda image, best=best: best.restore(image, truth)
    return methods


def along(direction: tuple[int, ...], restore: Restore) -> Restore:
    """What becomes of an image (H, W) that is a colour image's part along a direction of RGB, the others being noise.

    White noise is as strong along any direction of length 1, so that the ideal observer's d' is that of grey images.
    """
    unit = np.array(direction) / np.linalg.norm(direction)

    def restored(image: np.ndarray) -> np.ndarray:
        given = GROUND + SIGMA * np.random.default_rng(1).standard_normal((*image.shape, 3))
        given += (image[..., None] - GROUND - (given - GROUND) @ unit[:, None]) * unit
        return np.asarray(GROUND + (restore(given.astype(np.float32)) - GROUND) @ unit)

    return restored


def cells_of(method: str) -> int:
    return SLOW_CELLS if method in FEW else CELLS


def noisy(signal: np.ndarray, contrast: float, cells: int, ground: np.ndarray | float = 0) -> np.ndarray:
    """Cells with a signal, in noise that is the same for all contrasts and signals."""
    clean = GROUND + ground + contrast * tile(signal, cells)
    return np.asarray(clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape), np.float32)


def restored_grounds(name: str, restore: Restore) -> dict[int, np.ndarray]:
    """What a method makes of cells without a signal, by the side of the cells."""
    return {side: restore(noisy(np.zeros((side, side)), 0, cells_of(name))) for side in (48, 72)}


def study_all(name: str, restore: Restore, grounds: dict[int, np.ndarray]) -> dict[str, Found]:
    begin = time.perf_counter()
    absent = {side: split(ground, side) for side, ground in grounds.items()}
    found = {signal: study(restore, shape, cells_of(name), absent[len(shape)]) for signal, shape in SIGNALS.items()}
    print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    return found


def ideal_thresholds() -> dict[str, float]:
    """Of the ideal observer before, in noise levels."""
    return {name: threshold_detectability() / ideal_detectability(each, 1, 1) for name, each in SIGNALS.items()}


def study(restore: Restore, signal: np.ndarray, cells: int, absent: np.ndarray) -> Found:
    contrasts = np.array(IDEAL) / ideal_detectability(signal, 1, SIGMA)
    rows, scores = [], []
    for contrast in contrasts:
        present = split(restore(noisy(signal, contrast, cells)), len(signal))
        transfer = contrast_transfer(present, absent, signal, contrast).mean()
        total = np.sum(present - absent) / (contrast * signal.sum() * len(present))
        scores.append(hotelling_scores(present, absent, signal))
        template = detectability(*template_scores(present, absent, signal))
        rows.append((transfer, total, template, detectability(*scores[-1])))
    with_signal, without = (np.stack(each) for each in zip(*scores, strict=True))
    drawn = bootstrap_thresholds(contrasts, with_signal, without, rng=0) / SIGMA
    columns = np.array(rows).T
    found = threshold_contrast(contrasts, columns[3]) / SIGMA
    return Found(contrasts / SIGMA, *columns, found, float(np.std(drawn[np.isfinite(drawn)])))


def on_texture(restore: Restore, cells: int) -> list[float]:
    """Contrast that is left on a ground with a spectrum of 1/f, as natural images have it, as strong as the noise."""
    side = 48 * cells
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    spectrum = np.fft.rfft2(np.random.default_rng(1).standard_normal((side, side))) / np.maximum(frequency, 1 / side)
    spectrum[0, 0] = 0
    ground = np.fft.irfft2(spectrum, (side, side))
    ground *= SIGMA / ground.std()
    absent, found = split(restore(noisy(np.zeros((48, 48)), 0, cells, ground)), 48), []
    for name in TEXTURED:
        contrast = IDEAL[SHOWN] / ideal_detectability(SIGNALS[name], 1, SIGMA)
        present = split(restore(noisy(SIGNALS[name], contrast, cells, ground)), 48)
        found.append(float(contrast_transfer(present, absent, SIGNALS[name], contrast).mean()))
    return found


def phantom(restore: Restore) -> np.ndarray:
    """Discs, larger from row to row, with more contrast from column to column; in noise levels from the ground."""
    discs = [disc(diameter, 48) for diameter in PHANTOM[0]]
    rows = [np.hstack([d / ideal_detectability(each, 1, SIGMA) * each for d in PHANTOM[1]]) for each in discs]
    clean = GROUND + np.vstack(rows)
    given = np.asarray(clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape), np.float32)
    return (restore(given) - GROUND) / SIGMA


def print_thresholds(studies: dict[str, dict[str, Found]]) -> None:
    print(f"Contrast / noise level at which 90 % of pairs are told right (d' = {threshold_detectability():.2f})\n")
    header("", SIGNALS)
    print_row("ideal observer, noisy", [f"{each:.2f}" for each in ideal_thresholds().values()])
    for name, found in studies.items():
        print_row(name, [f"{each.threshold:.2f} ± {each.error:.2f}" for each in found.values()])


def print_transfer(studies: dict[str, dict[str, Found]], textured: dict[str, list[float]] | None = None) -> None:
    print(f"\nContrast that is left, %, in brackets of the sum; the ideal observer had d' = {IDEAL[SHOWN]:.1f}\n")
    on_ground = TEXTURED if textured else ()
    header("", [*SIGNALS, *(f"{name} on texture" for name in on_ground)])
    contrasts = [studies["noisy"][name].contrasts[SHOWN] for name in (*SIGNALS, *on_ground)]
    print_row("contrast / noise level", [f"{contrast:.2f}" for contrast in contrasts])
    for name, found in studies.items():
        cells = [f"{100 * each.transfer[SHOWN]:.0f} ({100 * each.total[SHOWN]:.0f})" for each in found.values()]
        print_row(name, [*cells, *(f"{100 * each:.0f}" for each in (textured or {}).get(name, ()))])


def print_observers(studies: dict[str, dict[str, Found]]) -> None:
    at = SHOWN_OBSERVERS
    print(f"\nd' of the Hotelling observer, in brackets of the template; the ideal observer had {IDEAL[at]:.1f}\n")
    header("", SIGNALS)
    for name, found in studies.items():
        print_row(name, [f"{each.hotelling[at]:.1f} ({each.template[at]:.1f})" for each in found.values()])


def print_noise(flats: dict[str, np.ndarray]) -> None:
    print("\nNoise on flat ground, of 255\n")
    header("", ["of pixels", f"of means over {BLOCK} x {BLOCK} px", "the same, if pixels were independent"])
    for name, flat in flats.items():
        pixels, means = 255 * np.std(flat), 255 * np.std(split(flat, BLOCK).mean((1, 2)))
        print_row(name, [f"{pixels:.2f}", f"{means:.2f}", f"{pixels / BLOCK:.2f}"])


def print_intervals() -> None:
    print(f"\nPixels within the 90 % interval of pkn.uncertainty, %; the ideal observer had d' = {IDEAL[SHOWN]:.1f}\n")
    header("", SIGNALS)
    cells = []
    for signal in SIGNALS.values():
        contrast, tiled = IDEAL[SHOWN] / ideal_detectability(signal, 1, SIGMA), tile(signal, SLOW_CELLS)
        low, high = pkn.uncertainty(noisy(signal, contrast, SLOW_CELLS), rng=0).interval(0.9)
        clean = GROUND + contrast * tiled
        inside = (low <= clean) & (clean <= high)
        cells.append(f"{100 * inside[tiled > 0.5].mean():.0f} ({100 * inside[tiled == 0].mean():.0f})")
    print_row("of the signal (of the ground)", cells)


def header(first: str, names: Iterable[str]) -> None:
    print_row(first, list(names))
    print("|" + "---|" * (1 + len(list(names))))


def print_row(name: str, cells: list[str]) -> None:
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main_rgb(sys.argv[1]) if "--rgb" in sys.argv else main(*sys.argv[1:3])
