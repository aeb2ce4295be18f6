"""The orthonormal 2-D Haar transform in torch: differentiable, with an exact inverse.

Bands, signs and borders are PyWavelets' (``pywt.dwt2(image, "db1", mode="symmetric")``), which is the tool for other
wavelets; this is for what runs inside networks, on batches, and needs gradients.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BANDS = 3  # horizontal, vertical, diagonal details: cH, cV, cD of PyWavelets
FACTORS = {"orthonormal": 0.5, "published": 0.25}  # of sums and differences of four pixels


def haar(image: Tensor, scaling: str = "orthonormal") -> tuple[Tensor, Tensor]:
    """One level of the transform.

    Parameters
    ----------
    image : Tensor of shape (N, C, H, W)
        Floats. The last row or column is repeated where H or W is odd.
    scaling : {"orthonormal", "published"}
        "published" divides all coefficients by 2, as the public code of Kadkhodaie et al. 2023 (arXiv 2303.02984): the
        low-pass is a local mean, so images stay in their range, and the standard deviation of white noise halves.

    Returns
    -------
    low : Tensor of shape (N, C, ceil(H / 2), ceil(W / 2))
    details : Tensor of shape (N, 3 C, ceil(H / 2), ceil(W / 2))
        All channels' horizontal details (differences of rows), then vertical, then diagonal.

    Raises
    ------
    ValueError
        For an image of another shape or type, or an unknown scaling.
    """
    _check("image", image)
    factor = _factor(scaling)
    height, width = image.shape[2:]
    if height % 2 or width % 2:
        image = F.pad(image, (0, width % 2, 0, height % 2), "replicate")
    top, bottom = image[:, :, ::2], image[:, :, 1::2]
    low, vertical = _pairs(top + bottom)
    horizontal, diagonal = _pairs(top - bottom)
    return factor * low, factor * torch.cat([horizontal, vertical, diagonal], 1)


def inverse_haar(
    low: Tensor, details: Tensor, scaling: str = "orthonormal", size: tuple[int, int] | None = None
) -> Tensor:
    """The image behind what :func:`haar` gives.

    Parameters
    ----------
    low : Tensor of shape (N, C, h, w)
    details : Tensor of shape (N, 3 C, h, w)
    scaling : {"orthonormal", "published"}
    size : (int, int), optional
        (H, W) of the image, where it was odd; (2 h, 2 w) by default.

    Returns
    -------
    Tensor of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If shapes don't fit together, or for an unknown scaling.
    """
    _check("low", low)
    n, channels, height, width = low.shape
    if details.shape != (wanted := (n, BANDS * channels, height, width)):
        raise ValueError(f"details have shape {tuple(details.shape)}; expected {wanted} for low of {tuple(low.shape)}")
    whole = 2 * height, 2 * width
    rows, columns = size = whole if size is None else size
    if rows not in (whole[0] - 1, whole[0]) or columns not in (whole[1] - 1, whole[1]):
        raise ValueError(f"size is {size}; expected {whole}, or 1 less in any of the two")
    horizontal, vertical, diagonal = (0.25 / _factor(scaling) * details).chunk(BANDS, 1)
    low = 0.25 / _factor(scaling) * low
    sums = torch.stack([low + vertical, low - vertical], -1).flatten(-2)
    differences = torch.stack([horizontal + diagonal, horizontal - diagonal], -1).flatten(-2)
    return torch.stack([sums + differences, sums - differences], -2).flatten(2, 3)[:, :, :rows, :columns]


def haar_levels(image: Tensor, levels: int, scaling: str = "orthonormal") -> tuple[Tensor, list[Tensor]]:
    """The coarsest low-pass after so many levels, and each level's details, finest first."""
    low, details = image, []
    for _ in range(levels):
        low, found = haar(low, scaling)
        details.append(found)
    return low, details


def _pairs(image: Tensor) -> tuple[Tensor, Tensor]:
    """Sums and differences of two columns each."""
    left, right = image[..., ::2], image[..., 1::2]
    return left + right, left - right


def _factor(scaling: str) -> float:
    if scaling not in FACTORS:
        raise ValueError(f"scaling is {scaling!r}; expected one of {', '.join(FACTORS)}")
    return FACTORS[scaling]


def _check(name: str, image: Tensor) -> None:
    if image.ndim != 4 or image.numel() == 0 or not image.is_floating_point():
        came = f"{str(image.dtype).removeprefix('torch.')} of shape {tuple(image.shape)}"
        raise ValueError(f"{name} is {came}; expected floats of shape (N, C, H, W)")
