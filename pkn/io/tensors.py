"""Batches of images as networks see them, (N, C, H, W) in [-1, 1], and as people do."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(images: np.ndarray) -> Tensor:
    """Images (N, H, W, C), uint8, for a network."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1))


def to_pictures(images: Tensor) -> np.ndarray:
    """A network's images as (N, H, W, C), float32; [-1, 1] becomes [0, 1], and what is beyond stays beyond."""
    pictures: np.ndarray = images.permute(0, 2, 3, 1).cpu().numpy() * np.float32(0.5) + np.float32(0.5)
    return pictures
