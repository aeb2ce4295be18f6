"""Multi-scale models: a network of the coarsest low-pass, and one at each scale for details given their low-pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pkn.nets.models.bias_free_cnn import BiasFreeCNN
from pkn.nets.models.wavelet_kernels import BandKernels
from pkn.nets.registry import load_restorer
from pkn.wavelets.haar_transform import BANDS
from pkn.wavelets.published_weights import load_published

DEFAULT_FIELD = 13  # by the authors' figures, details by their 9 px are worse than by their 5 px at high noise


@dataclass(frozen=True)
class WaveletModel:
    """Networks that estimate noise in grey images in [0, 1] and in their Haar coefficients, scaled as "published".

    After Kadkhodaie, Guth, Mallat & Simoncelli 2023 (arXiv 2303.02984).

    Parameters
    ----------
    low : torch.nn.Module
        From images (N, 1, H, W) to their noise: of the coarsest low-pass.
    details : sequence of torch.nn.Module
        From a clean low-pass and noisy details (N, 4, H, W) to the details' noise (N, 3, H, W); finest first. With none
        ``low`` denoises the image itself.
    """

    low: Any
    details: Sequence[Any] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", tuple(self.details))


def find_wavelet_model(folder: Any, field: int = DEFAULT_FIELD) -> WaveletModel:
    """The model in a folder.

    Parameters
    ----------
    folder : path or WaveletModel
        Files ``low.safetensors``, ``scale-0.safetensors`` (the finest), ``scale-1.safetensors`` ...; or the authors'
        ``multi_scale``, or the folder that holds it, with ``RF_40x40_low/model.pt`` and
        ``RF_{field}x{field}_scale_0/model.pt`` ... A model is returned as it is.
    field : int
        Which of the authors' conditional networks: the side of their receptive field, px.

    Raises
    ------
    ValueError
        If the folder holds no such files, a scale is missing, or a file is damaged or of other channels.
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
    """The authors' network of this field (px) for whole images, ``flat/RF_{field}x{field}/model.pt``.

    Raises
    ------
    ValueError
        If it isn't there, or damaged.
    """
    return WaveletModel(_checked(load_published, Path(folder, "flat", f"RF_{field}x{field}", "model.pt"), 1, 1))


def _authors_folder(folder: Path) -> Path:
    inner = folder / "multi_scale"
    return inner if inner.is_dir() else folder


def _read(load: Callable[[Path], Any], low: Path, of_scale: Callable[[int], Path]) -> WaveletModel:
    """All scales from 0 on, one at least."""
    number = next(scale for scale in count() if not of_scale(scale).is_file())
    if number == 0 or of_scale(number + 1).is_file():
        raise ValueError(f"'{of_scale(number)}' is missing; expected one file for each scale from 0 on")
    details = [_checked(load, of_scale(scale), 1 + BANDS, BANDS) for scale in range(number)]
    return WaveletModel(_checked(load, low, 1, 1), details)


def _checked(load: Callable[[Path], Any], path: Path, inputs: int, outputs: int) -> Any:
    try:
        net = load(path)
    except FileNotFoundError:
        raise ValueError(f"'{path}' is missing") from None
    if not isinstance(net, BiasFreeCNN | BandKernels):
        raise ValueError(f"'{path}' is a {type(net).__name__}; expected a BiasFreeCNN or BandKernels")
    s = net.settings
    if (s.inputs, s.outputs) != (inputs, outputs):
        raise ValueError(f"'{path}' takes {s.inputs} channels to {s.outputs}; expected {inputs} to {outputs}")
    return net
