"""Conversion between batches of images (N, H, W, C) and the tensors (N, C, H, W) in [-1, 1] that networks take."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(images: np.ndarray) -> Tensor:
    """Images (N, H, W, C), uint8, as a tensor (N, C, H, W), float32, from -1 for 0 to 1 for 255."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1))


def to_pictures(images: Tensor) -> np.ndarray:
    """A tensor (N, C, H, W) as images (N, H, W, C), float32; [-1, 1] is mapped to [0, 1] without clipping."""
    pictures: np.ndarray = images.permute(0, 2, 3, 1).cpu().numpy() * np.float32(0.5) + np.float32(0.5)
    return pictures
