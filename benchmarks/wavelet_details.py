"""The published denoisers of low-passes and details beside their authors' figures, file by file.

`python -m benchmarks.wavelet_details WEIGHTS IMAGES`: WEIGHTS is the authors' folder `multi_scale`, whose files
`psnr_test_list.pt` hold their figures, means over their test faces. Stand-ins here: the face of scikit-image's
astronaut, and eight of IMAGES, enlarged; how much higher their PSNR is. Measured as in the authors' code: PSNR in dB
of the coefficients (the range is 1), with white noise on these alone; the low-pass given with details is clean.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.wavelet_denoising import CATS, SIDE, astronaut
from pkn.io.datasets import read_set
from pkn.training.wavelet import BandTask
from pkn.wavelets.published_weights import load_published

SCALES = 2
SIGMAS = (0, 20, 60, 100, 140, 200, 260)  # of 255


def main(weights: str, images: str) -> None:
    torch.set_num_threads(1)
    cats = read_set(images, channels=1, size=SIDE).images[:CATS, ..., 0] / 255
    stand_ins = {"astronaut": astronaut()[None], f"{CATS} of {Path(images).name}": cats}
    print(f"| file | images | {' | '.join(f'σ = {sigma}' for sigma in SIGMAS)} |")
    print("|---" * (2 + len(SIGMAS)) + "|")
    for path in sorted(Path(weights).glob("RF_*/psnr_test_list.pt")):
        read = torch.load(path, map_location="cpu", weights_only=True)
        authors = np.array([read[sigma][0] for sigma in SIGMAS])
        print(line(path.parent.name, "the authors'", [f"{value:.2f}" for value in authors]))
        for name, faces in stand_ins.items():
            more = figures(path.parent, faces) - authors
            print(line("", name, [f"{value:+.2f}" for value in more]), flush=True)


def figures(folder: Path, faces: np.ndarray) -> np.ndarray:
    net = load_published(folder / "model.pt")
    kind = folder.name.rpartition("_")[2]
    task = BandTask(SCALES, None if kind == "low" else int(kind), noise=1.0)
    clean = 2 * torch.from_numpy(faces).float()[:, None] - 1
    return np.array([mean_psnr(net, task, clean, sigma / 255) for sigma in SIGMAS])


@torch.inference_mode()
def mean_psnr(net: torch.nn.Module, task: BandTask, clean: torch.Tensor, noise_level: float) -> float:
    u = torch.full((len(clean),), (noise_level / task.largest) ** 0.5)
    inputs, noise = task.degraded(clean, np.random.default_rng(0), u)
    error = (net(inputs) - noise).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


def line(file: str, images: str, values: list[str]) -> str:
    return f"| {file} | {images} | {' | '.join(values)} |"


if __name__ == "__main__":
    main(*sys.argv[1:])
