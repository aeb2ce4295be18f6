"""Multi-scale models: a network for the coarsest low-pass, and at each scale one for the details given the low-pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pkn.nets.models.bias_free_cnn import BiasFreeCNN
from pkn.nets.models.wavelet_kernels import BandKernels
from pkn.nets.registry import load_restorer
from pkn.nets.weights import read_header
from pkn.wavelets.haar_transform import BANDS
from pkn.wavelets.published_weights import load_published

LOW_SIZE = 40  # px, the side of the published models' coarsest low-pass
DEFAULT_FIELD = 13  # px; the curves that came with fields of 9 px are none of their networks (docs/wavelets.md)


@dataclass(frozen=True)
class WaveletModel:
    """Networks that estimate the noise of grey images in [0, 1] and of their Haar coefficients, scaled as "published".

    After Kadkhodaie, Guth, Mallat & Simoncelli 2023 (arXiv 2303.02984).

    Parameters
    ----------
    low : torch.nn.Module
        For the coarsest low-pass: from noisy images (N, 1, H, W) to their noise.
    details : sequence of torch.nn.Module
        For the details of each scale, finest first: from a clean low-pass and noisy details, (N, 4, H, W), to the noise
        of the details, (N, 3, H, W). Without any, ``low`` denoises the image itself.
    low_size : int
        Side of the coarsest low-passes that ``low`` was trained on, px.

    Examples
    --------
    >>> from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings
    >>> low = BandKernels(BandKernelSettings(inputs=1, outputs=1))
    >>> model = WaveletModel(low, [BandKernels(BandKernelSettings()) for scale in range(2)])
    >>> len(model.details)
    2
    """

    low: Any
    details: Sequence[Any] = ()
    low_size: int = LOW_SIZE

    @property
    def size(self) -> int:
        """Side of the images that it was trained on, px."""
        return self.low_size << len(self.details)

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", tuple(self.details))


def find_wavelet_model(folder: Any, field: int = DEFAULT_FIELD) -> WaveletModel:
    """Load the model in a folder.

    Parameters
    ----------
    folder : path or WaveletModel
        With ``low.safetensors``, ``scale-0.safetensors`` (the finest), ``scale-1.safetensors`` ...; or the folder
        ``multi_scale`` of the authors, or its parent, with ``RF_40x40_low/model.pt`` and
        ``RF_{field}x{field}_scale_0/model.pt`` ... A model is returned as it is.
    field : int
        The side of the receptive field of the authors' networks for details, px.

    Raises
    ------
    ValueError
        If the folder has no such files, a scale is missing, or a file is damaged or has other channels.
    TypeError
        If ``folder`` is neither a path nor a model.
    """
    if isinstance(folder, WaveletModel):
        return folder
    if not isinstance(folder, str | Path):
        raise TypeError(f"model is {type(folder).__name__}; expected a WaveletModel or a folder of weights")
    ours, theirs = Path(folder), _authors_folder(Path(folder))
    if (low := ours / "low.safetensors").is_file():
        return _read(load_restorer, low, lambda scale: ours / f"scale-{scale}.safetensors")
    if (low := theirs / "RF_40x40_low" / "model.pt").is_file():
        return _read(load_published, low, lambda scale: theirs / f"RF_{field}x{field}_scale_{scale}" / "model.pt")
    raise ValueError(
        f"'{folder}' holds no multi-scale model; expected a folder with low.safetensors, scale-0.safetensors, ... or "
        "the published one, with multi_scale/RF_40x40_low/model.pt"
    )


def find_flat_model(folder: str | Path, field: int) -> WaveletModel:
    """Load the authors' network for whole images, with a receptive field of ``field`` px.

    Its file is ``flat/RF_{field}x{field}/model.pt``.

    Raises
    ------
    ValueError
        If the file is missing or damaged.
    """
    return WaveletModel(_checked(load_published, Path(folder, "flat", f"RF_{field}x{field}", "model.pt"), 1, 1))


def _authors_folder(folder: Path) -> Path:
    inner = folder / "multi_scale"
    return inner if inner.is_dir() else folder


def _read(load: Callable[[Path], Any], low: Path, of_scale: Callable[[int], Path]) -> WaveletModel:
    """Read the low-pass network and all scales from 0 on, of which there must be one at least."""
    number = next(scale for scale in count() if not of_scale(scale).is_file())
    if number == 0 or of_scale(number + 1).is_file():
        raise ValueError(f"'{of_scale(number)}' is missing; expected one file for each scale from 0 on")
    details = [_checked(load, of_scale(scale), 1 + BANDS, BANDS) for scale in range(number)]
    return WaveletModel(_checked(load, low, 1, 1), details, _low_size(low, number))


def _low_size(low: Path, scales: int) -> int:
    """As the header of our own files says; older ones don't."""
    if low.suffix != ".safetensors":
        return LOW_SIZE
    sides = read_header(low)["about"].get("size")
    return max(2, min(sides) >> scales) if sides else LOW_SIZE


def _checked(load: Callable[[Path], Any], path: Path, inputs: int, outputs: int) -> Any:
    try:
        net = load(path)
    except FileNotFoundError:
        raise ValueError(f"'{path}' is missing; expected a weights file") from None
    if not isinstance(net, BiasFreeCNN | BandKernels):
        raise ValueError(f"'{path}' is a {type(net).__name__}; expected a BiasFreeCNN or BandKernels")
    s = net.settings
    if (s.inputs, s.outputs) != (inputs, outputs):
        raise ValueError(f"'{path}' takes {s.inputs} channels to {s.outputs}; expected {inputs} to {outputs}")
    return net
