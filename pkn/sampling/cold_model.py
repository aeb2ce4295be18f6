"""Restorers of degraded images, with the degradation that they were trained on; bundled, or from weights files."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pkn.degradations.blur import Blur
from pkn.degradations.presets import build_degradation, to_config
from pkn.io.datasets import read_set
from pkn.io.tensors import to_tensor
from pkn.nets.bfloat16 import half_precision
from pkn.nets.registry import load_restorer
from pkn.nets.weights import read_header
from pkn.pretrained import bundled_path
from pkn.sampling.terminal_distribution import TerminalDistribution


@dataclass(frozen=True)
class ColdModel:
    """A restorer, the degradation that it was trained on, and the distribution of fully degraded images.

    Parameters
    ----------
    net : torch.nn.Module
        Takes images (N, C, H, W) in [-1, 1] and t / T (N,), and predicts the clean images.
    degradation : Degradation
        D(x, t), t = 0 ... T.
    regularization : float, optional
        For blur only. If given, the network sees :meth:`pkn.degradations.blur.Blur.regularized_inverse` of the blurred
        image instead of the image itself, and adds only what blur removed entirely, so that its prediction, blurred, is
        the blurred image that was given.
    terminal_distribution : TerminalDistribution, optional
        The distribution of images at T, from which new images start.
    half : bool
        Whether the network computes in bfloat16 where that is safe.

    Raises
    ------
    ValueError
        If ``regularization`` isn't a number above 0, or the degradation isn't blur.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Blur
    >>> blur = Blur((0.5, 0.5), side=5)
    >>> image = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    >>> blurred = blur.sample(image, torch.Generator())(image, 2)
    >>> model = ColdModel(lambda x, t: x, blur, regularization=1e-6)
    >>> bool((model.restore(blurred, 2) - image).abs().max() < 1e-3)  # so little blur is inverted by linear algebra
    True
    """

    net: Any
    degradation: Any
    regularization: float | None = None
    terminal_distribution: TerminalDistribution | None = None
    half: bool = False

    def __post_init__(self) -> None:
        if self.regularization is None:
            return
        if not (isinstance(self.regularization, int | float) and 0 < self.regularization < float("inf")):
            raise ValueError(f"regularization is {self.regularization!r}; expected a number above 0")
        if not isinstance(self.degradation, Blur):
            raise ValueError(
                f"regularization is {self.regularization}; expected none for {type(self.degradation).__name__}, only "
                "for Blur"
            )

    def restore(self, x: Tensor, t: float | Tensor) -> Tensor:
        """Predict the clean images behind x (N, C, H, W) at t, one number or (N,)."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        inputs = x if self.regularization is None else self.degradation.regularized_inverse(x, t, self.regularization)
        half = self.half or torch.is_autocast_enabled(x.device.type)
        with half_precision(x.device.type, half):
            predicted: Tensor = self.net(inputs.float(), t.float() / self.degradation.steps)
        return predicted.to(x) if self.regularization is None else self._consistent(predicted.to(x), x, t)

    def _consistent(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Take the frequencies that blur kept from x, as Wang et al. 2022 (arXiv 2212.00490) do."""
        blurred = self.degradation.sample(predicted, torch.Generator())(predicted, t)
        correction: Tensor = self.degradation.regularized_inverse(x - blurred, t, self.regularization)
        return predicted + correction

    def to_config(self) -> dict[str, Any]:
        """All but the network, as JSON stores it in the header of a weights file (whose keys are older names)."""
        terminal = self.terminal_distribution
        return {
            "degradation": to_config(self.degradation),
            "floor": self.regularization,
            "ends": None if terminal is None else asdict(terminal),
        }


def find_cold_model(model: Any, others: Path | None = None) -> ColdModel:
    """Load the model of a bundled name or of a ``.safetensors`` file of ``pkn train-cold``.

    Parameters
    ----------
    model : str, path or ColdModel
        A model is returned as it is.
    others : path, optional
        Another set of images, for animorphosis, as :func:`pkn.io.datasets.read_set` reads it.

    Raises
    ------
    ValueError
        For an unknown name (with similar ones), or a file that is damaged or of another kind.
    """
    if isinstance(model, ColdModel):
        return model
    path = bundled_path(model, "cold")
    net = load_restorer(path)
    target_images = None if others is None else read_others(others, net.settings.size, net.settings.channels)
    try:
        config = read_header(path)["about"]["plan"]["objective"]
        terminal = None if config["ends"] is None else TerminalDistribution(**config["ends"])
        return ColdModel(net, build_degradation(config["degradation"], target_images), config["floor"], terminal)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"cannot load '{path}' as a restorer of pkn train-cold: {error!r}") from None


def read_others(path: Path, size: int, channels: int) -> Tensor:
    """The images (M, C, size, size) in [-1, 1] that animorphosis turns others into."""
    return to_tensor(read_set(path, channels=channels, size=size).training)
