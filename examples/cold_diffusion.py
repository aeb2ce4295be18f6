"""
Digits out of blurs of them
===========================

Step by step: Algorithm 2 of Cold Diffusion beside Algorithm 1. Needs pkn[train].

Usage: ``python cold_diffusion.py [folder] [mnist.npz]``

Without MNIST at hand, scikit-learn's digits, enlarged, are blurred and restored: of their kind the network saw none.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from pkn.io.datasets import read_set
from pkn.io.tensors import to_pictures, to_tensor
from pkn.plotting.image_grid import write_grid
from pkn.sampling.cold_diffusion import states
from pkn.sampling.cold_model import find_cold_model

NUMBER = 6


def enlarged(digit: np.ndarray) -> np.ndarray:
    """An 8 x 8 digit, 0 ... 16, as the network knows them: 22 x 22 in a dark frame of 5."""
    image = Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((22, 22), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(image), 5)[..., None]


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "cold")
folder.mkdir(exist_ok=True)
if len(sys.argv) > 2:
    test = read_set(sys.argv[2], channels=1, size=32).held_out
    digits = test[:: len(test) // NUMBER][:NUMBER]
else:
    digits = np.stack([enlarged(digit) for digit in load_digits().images[:NUMBER]])

model = find_cold_model("mnist-blur")
clean = to_tensor(digits)
degrade = model.degradation.sample(clean, torch.Generator().manual_seed(0))
blurred = degrade(clean, model.degradation.steps)
for algorithm in ("algorithm_2", "algorithm_1"):
    with torch.inference_mode():
        way = [blurred, *(state.x for state in states(model, blurred, degrade, algorithm=algorithm))]
    shown = torch.stack([*way[::2], clean], 1).flatten(0, 1)  # each row: from blurred to restored, then the truth
    write_grid(folder / f"{algorithm}.png", np.clip(to_pictures(shown), 0, 1), len(way[::2]) + 1)
    error = (way[-1].clamp(-1, 1) - clean).square().mean().sqrt() / 2
    print(f"{folder / algorithm}.png: RMSE {error:.3f}, blurred {(blurred - clean).square().mean().sqrt() / 2:.3f}")
