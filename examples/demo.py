"""
A photograph, denoised, and its maps
====================================

What ``make demo`` runs: a photograph, known noise, the default network, and pictures of all that happens.
"""

import sys
import time
from pathlib import Path

import numpy as np
from skimage import data, io

import pkn
from pkn.plotting.maps import plot_sheet, save_figure

SIGMA = 25 / 255
SHOWN = ("luma_ky_0", "luma_sigma_range_0", "luma_blend_0", "chroma_blend_1")  # of the maps; all are written


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    clean = data.chelsea()[..., :3] / np.float32(255)
    noisy = clean + np.float32(SIGMA) * np.random.default_rng(0).standard_normal(clean.shape, np.float32)

    begin = time.perf_counter()
    pkn.denoise(noisy, channel_axis=-1)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    maps = pkn.predict_maps(noisy, channel_axis=-1)
    network = time.perf_counter() - begin
    begin = time.perf_counter()
    denoised = maps.apply(noisy)
    filtering = time.perf_counter() - begin

    residual = noisy - denoised
    pictures = {"noisy": noisy, "denoised": denoised, "clean": clean, "residual + 1/2": residual + np.float32(0.5)}
    for name, picture in pictures.items():
        path = folder / f"{name.split()[0]}.png"
        io.imsave(path, np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8), check_contrast=False)
    maps.to_png(folder)
    save_figure(plot_sheet(pictures, maps, SHOWN), folder / "sheet.png")

    height, width = clean.shape[:2]
    print(f"photograph {width} x {height}, RGB, noise 25/255 (estimated {maps.provenance['sigma'] * 255:.1f}/255)")
    print(f"PSNR noisy {psnr(noisy, clean):.2f} dB, denoised {psnr(denoised, clean):.2f} dB")
    print(f"network {network * 1e3:.0f} ms, filter {filtering * 1e3:.0f} ms (first call, compiling: {first:.1f} s)")
    print(f"pictures in {folder}/: {', '.join(sorted(path.name for path in folder.glob('*.png')))}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
