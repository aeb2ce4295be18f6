"""Multi-scale denoising beside flat networks, all published: `python -m benchmarks.wavelet_denoising WEIGHTS [IMAGES]`.

Mean PSNR in dB on stand-ins for the faces they were trained on: the astronaut's and, from a set of images, cats'. White
noise and results are not clipped. WEIGHTS is the authors' folder, with `flat` and `multi_scale`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

import pkn
from benchmarks.measure import seconds
from pkn.evaluation.metrics import psnr
from pkn.io.datasets import read_set
from pkn.wavelets.models import WaveletModel, find_flat_model, find_wavelet_model

FIELDS = (5, 9, 13, 23, 43)  # px
SIGMAS = (20, 60, 100, 140, 200, 260, 640)  # of 255; at 640 the input has -8 dB
SIDE, CATS = 160, 8


def main(weights: str, images: str | None = None, cats: int = CATS) -> None:
    torch.set_num_threads(1)
    faces = [astronaut()]
    if images is not None:
        faces += list(read_set(images, channels=1, size=SIDE).images[:cats, ..., 0] / 255)
    inputs = np.mean([[psnr(noisy(face, sigma, n), face) for sigma in SIGMAS] for n, face in enumerate(faces)], 0)
    print(f"{len(faces)} images of {SIDE} x {SIDE} pixels\n")
    print(f"| network | field | parameters | ms | {' | '.join(f'σ = {sigma}' for sigma in SIGMAS)} |")
    print("|---" * (4 + len(SIGMAS)) + "|")
    print(line("noisy", "", "", "", inputs))
    for name, find in (("flat", find_flat_model), ("multi-scale", find_wavelet_model)):
        for field in FIELDS:
            print(measured(name, field, find(weights, field), faces), flush=True)
            if name == "flat":
                print(line("flat, the authors' test set", field, "", "", authors_figures(weights, field)))
    models = find_wavelet_model(weights, FIELDS[2]), find_flat_model(weights, FIELDS[-1])
    gains = [difference(face, n, *models) for n, face in enumerate(faces)]
    print(
        f"\nimage by image at σ = {SIGMAS[0]}, multi-scale of {FIELDS[2]} px beside flat of {FIELDS[-1]}, dB: {gains}"
    )


def difference(face: np.ndarray, n: int, first: WaveletModel, second: WaveletModel) -> float:
    given = noisy(face, SIGMAS[0], n)
    better, other = (psnr(pkn.wavelet_denoise(given, model), face) for model in (first, second))
    return round(better - other, 1)


def measured(name: str, field: int, model: WaveletModel, faces: list[np.ndarray]) -> str:
    figures = [
        [psnr(pkn.wavelet_denoise(noisy(face, sigma, n), model), face) for sigma in SIGMAS]
        for n, face in enumerate(faces)
    ]
    parameters = sum(net.settings.parameters for net in (model.low, *model.details))
    taken = min(seconds(denoising(model, faces[0])) for _ in range(3))
    return line(name, field, f"{parameters:,}", f"{1e3 * taken:.0f}", np.mean(figures, 0))


def denoising(model: WaveletModel, image: np.ndarray) -> Callable[[], object]:
    return lambda: pkn.wavelet_denoise(image, model)


def line(name: str, field: object, parameters: str, taken: str, figures: np.ndarray) -> str:
    return f"| {name} | {field} | {parameters} | {taken} | {' | '.join(f'{figure:.2f}' for figure in figures)} |"


def noisy(face: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    return face + np.random.default_rng(seed).normal(0, sigma / 255, face.shape)


def astronaut() -> np.ndarray:
    face = Image.fromarray(data.astronaut()[:200, 120:320]).convert("L")
    return np.asarray(face.resize((SIDE, SIDE), Image.Resampling.LANCZOS)) / 255


def authors_figures(weights: str, field: int) -> np.ndarray:
    path = Path(weights, "flat", f"RF_{field}x{field}", "psnr_test_list.pt")
    figures = torch.load(path, map_location="cpu", weights_only=True)
    return np.array([figures.get(sigma, [np.nan])[0] for sigma in SIGMAS], float)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
