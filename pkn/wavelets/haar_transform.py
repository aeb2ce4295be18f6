"""The orthonormal 2-D Haar transform in torch: differentiable, with an exact inverse.

Bands, signs and borders are those of PyWavelets (``pywt.dwt2(image, "db1", mode="symmetric")``), which has other
wavelets too. This transform works on batches and has gradients, for use with networks.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BANDS = 3  # horizontal, vertical, diagonal details: cH, cV, cD of PyWavelets
FACTORS = {"orthonormal": 0.5, "published": 0.25}  # times the sums and differences of four pixels


def haar(image: Tensor, scaling: str = "orthonormal") -> tuple[Tensor, Tensor]:
    """One scale of the transform.

    Parameters
    ----------
    image : Tensor of shape (N, C, H, W)
        Floats. The last row or column is repeated where H or W is odd.
    scaling : {"orthonormal", "published"}
        "published" halves all coefficients, as does the public code of Kadkhodaie et al. 2023 (arXiv 2303.02984): the
        low-pass is a local mean, so that images keep their range, and the standard deviation of white noise halves.

    Returns
    -------
    low : Tensor of shape (N, C, ceil(H / 2), ceil(W / 2))
    details : Tensor of shape (N, 3 C, ceil(H / 2), ceil(W / 2))
        The horizontal details (differences of rows) of all channels, then the vertical, then the diagonal ones.

    Raises
    ------
    ValueError
        For an image of another shape or type, or an unknown scaling.

    Examples
    --------
    >>> import torch
    >>> low, details = haar(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    >>> low.flatten(), details.flatten()
    (tensor([5.]), tensor([-2., -1.,  0.]))
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
    """The inverse of :func:`haar`.

    Parameters
    ----------
    low : Tensor of shape (N, C, h, w)
    details : Tensor of shape (N, 3 C, h, w)
    scaling : {"orthonormal", "published"}
        As in :func:`haar`.
    size : (int, int), optional
        (H, W) of the image, where one of them is odd; (2 h, 2 w) by default.

    Returns
    -------
    Tensor of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If the shapes don't match, or for an unknown scaling.

    Examples
    --------
    >>> import torch
    >>> image = torch.arange(15.0).reshape(1, 1, 3, 5)
    >>> torch.equal(inverse_haar(*haar(image), size=(3, 5)), image)
    True
    """
    _check("low", low)
    n, channels, height, width = low.shape
    if details.shape != (wanted := (n, BANDS * channels, height, width)):
        raise ValueError(f"details is of shape {tuple(details.shape)}; expected {wanted} for low of {tuple(low.shape)}")
    even = 2 * height, 2 * width
    rows, columns = size = even if size is None else size
    if rows not in (even[0] - 1, even[0]) or columns not in (even[1] - 1, even[1]):
        raise ValueError(f"size is {size}; expected {even}, or 1 less in any of the two")
    horizontal, vertical, diagonal = (0.25 / _factor(scaling) * details).chunk(BANDS, 1)
    low = 0.25 / _factor(scaling) * low
    sums = torch.stack([low + vertical, low - vertical], -1).flatten(-2)
    differences = torch.stack([horizontal + diagonal, horizontal - diagonal], -1).flatten(-2)
    return torch.stack([sums + differences, sums - differences], -2).flatten(2, 3)[:, :, :rows, :columns]


def haar_levels(image: Tensor, levels: int, scaling: str = "orthonormal") -> tuple[Tensor, list[Tensor]]:
    """Several scales of the transform.

    Parameters
    ----------
    image : Tensor of shape (N, C, H, W)
    levels : int
        Number of scales.
    scaling : {"orthonormal", "published"}
        As in :func:`haar`.

    Returns
    -------
    low : Tensor
        The coarsest low-pass.
    details : list of Tensor
        The details of each scale, finest first.

    Examples
    --------
    >>> import torch
    >>> low, details = haar_levels(torch.ones(1, 1, 8, 12), 2, "published")
    >>> low.shape, [tuple(scale.shape) for scale in details]
    (torch.Size([1, 1, 2, 3]), [(1, 3, 4, 6), (1, 3, 2, 3)])
    """
    low, details = image, []
    for _ in range(levels):
        low, scale_details = haar(low, scaling)
        details.append(scale_details)
    return low, details


def _pairs(image: Tensor) -> tuple[Tensor, Tensor]:
    """The sums and the differences of pairs of columns."""
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
