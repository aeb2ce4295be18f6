"""Models of `pkn train-wavelet` beside the bundled pyramid: `python -m benchmarks.wavelet_kernels FOLDER MODEL ...`.

Mean PSNR on a folder of grey images at two levels of white noise; of each model's networks, how much of their bands'
noise is left where the low-pass that they are given is clean. Results are clipped to [0, 1].
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.restoration import cycle_spin

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32
from pkn.nets.weights import read_header
from pkn.pretrained import weights_folder
from pkn.training.wavelet import BandTask
from pkn.wavelets.denoising import wavelet_denoise
from pkn.wavelets.models import WaveletModel, find_wavelet_model

LEVELS = (25, 50)  # of 255


def main(folder: str, *paths: str) -> None:
    torch.set_num_threads(1)
    images = [to_float32(image[..., 0]) for image in read_folder(Path(folder), channels=1)]
    models = {path: find_wavelet_model(path) for path in paths}
    print("| model | parameters | " + " | ".join(f"σ = {level}" for level in LEVELS) + " |\n|---|---|---|---|")
    row(
        "pkn.denoise",
        read_header(weights_folder() / "pyramid-grey.safetensors")["about"]["parameters"],
        pkn.denoise,
        images,
    )
    for path, model in models.items():
        parameters = sum(map(size, (model.low, *model.details)))
        row(path, parameters, partial(wavelet_denoise, model=model), images)
        row(f"{path}, mean of 4 shifts", parameters, partial(spun, model=model), images)
    print("\n| network | parameters | " + " | ".join(f"σ = {level}" for level in LEVELS) + " |\n|---|---|---|---|")
    for path, model in models.items():
        for scale, net in (("low", model.low), *((f"scale {n}", net) for n, net in enumerate(model.details))):
            left = " | ".join(f"{share(net, scale, model, level, images):.1f} dB" for level in LEVELS)
            print(f"| {path}, {scale} | {size(net):,} | {left} |", flush=True)


def spun(image: np.ndarray, model: WaveletModel) -> np.ndarray:
    """The mean over shifts of the image, without block artefacts (Coifman & Donoho 1995)."""
    averaged: np.ndarray = cycle_spin(image, wavelet_denoise, max_shifts=1, func_kw={"model": model})
    return averaged


def size(net: Any) -> int:
    return sum(values.numel() for values in net.parameters())


def row(name: str, parameters: int, denoise: Callable[[np.ndarray], np.ndarray], images: list[np.ndarray]) -> None:
    means = [
        np.mean([psnr(np.clip(denoise(noisy(image, level, n)), 0, 1), image) for n, image in enumerate(images)])
        for level in LEVELS
    ]
    print(f"| {name} | {parameters:,} | {' | '.join(f'{mean:.2f}' for mean in means)} |", flush=True)


def noisy(image: np.ndarray, level: int, seed: int) -> np.ndarray:
    return (image + np.random.default_rng(seed).normal(0, level / 255, image.shape)).astype(np.float32)


def share(net: Any, scale: str, model: WaveletModel, level: int, images: list[np.ndarray]) -> float:
    """The noise that is left, relative to the noise that was there, in dB, mean over images."""
    scales = len(model.details)
    task = BandTask(scales, None if scale == "low" else int(scale.split()[1]), level / 255)
    shares = []
    for n, image in enumerate(images):
        clean = torch.from_numpy(2 * image[None, None].astype(np.float32) - 1)
        inputs, noise = task.degraded(clean, np.random.default_rng(n), torch.ones(1))
        with torch.inference_mode():
            shares.append(10 * np.log10(float((net(inputs) - noise).square().mean() / noise.square().mean())))
    return float(np.mean(shares))


if __name__ == "__main__":
    main(*sys.argv[1:])
