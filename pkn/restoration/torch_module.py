"""Denoising as a module of PyTorch: for tensors, gradients and the loops of other libraries."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pkn.nets import NoiseCurve
from pkn.nets.autograd.function import apply_filter
from pkn.nets.map_net.architecture import is_guide
from pkn.nets.map_net.network import MapNet, with_weights
from pkn.nets.map_net.predictor import IN_IMAGE_VALUES, Span
from pkn.nets.map_net.tiling import Told
from pkn.pretrained import is_map_net
from pkn.restoration.arguments import check_sigma
from pkn.restoration.denoising import DEFAULT_NET
from pkn.restoration.noise_statistics import sample_of, statistics_of
from pkn.restoration.planes import filtering_net, told_of


class Denoiser(nn.Module):
    """:func:`pkn.denoise` as a module: differentiable, on batches (N, C, H, W), with deepinv's signature.

    Each image of a batch is denoised by itself. What is estimated from an image (its noise, and what its values span)
    and ``sigma`` count as constants in gradients, which pass through the network, its maps and the filter.

    Parameters
    ----------
    net : str, path, MapNet or Predictor
        As in :func:`pkn.denoise`. A MapNet is shared, not copied: what trains the module trains it.
    channels : {1, 3}, optional
        Of the images. By default those of a given network, and 1, grey, for a name or a file.

    Raises
    ------
    ValueError, TypeError
        If there is no such network, or it enlarges images.

    Examples
    --------
    >>> import torch
    >>> import pkn
    >>> from pkn.nets import Denoiser
    >>> noisy = 0.5 + 0.1 * torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    >>> denoiser = Denoiser("bilateral", channels=3)
    >>> with torch.inference_mode():
    ...     clean = denoiser(noisy, sigma=0.1)
    >>> bool(clean.std() < noisy.std() / 3)
    True
    >>> same = pkn.denoise(noisy[0].numpy(), "bilateral", sigma=0.1, channel_axis=0)
    >>> bool(abs(clean[0].numpy() - same).max() < 1e-5)
    True
    """

    def __init__(self, net: Any = DEFAULT_NET, channels: int | None = None) -> None:
        super().__init__()
        channels = getattr(net, "channels", 1) if channels is None else channels
        network = filtering_net(net, channels)
        self.net: MapNet = net if is_map_net(net) else with_weights(network.architecture, network.weights)

    def forward(self, x: Tensor, sigma: Any = None) -> Tensor:
        """Denoise a batch.

        Parameters
        ----------
        x : Tensor of shape (N, C, H, W)
            Of finite values, in any unit; float32 or float64, and on a device, as the parameters are.
        sigma : number or Tensor of shape (), (N,), (N, 1, 1, 1) or (N, 1, H, W), optional
            Standard deviation of white noise in image values: of all images, of each, or at each pixel. By default the
            noise is estimated from each image, as :func:`pkn.estimate_noise` does.

        Returns
        -------
        Tensor of shape (N, C, H, W)

        Raises
        ------
        ValueError, TypeError
            Naming the argument, what came, and what is expected.
        """
        self._check(x)
        levels = enumerate(_levels(sigma, x))
        return torch.cat([self._denoised(x[n : n + 1], level) for n, level in levels])

    def extra_repr(self) -> str:
        """What ``repr`` shows beside the network."""
        return f"{self.net.filter}, channels={self.net.channels}"

    def _denoised(self, image: Tensor, level: Any) -> Tensor:
        """Maps are predicted for the image from 0 to about 1, as networks were trained, and scaled to its own unit."""
        sample = sample_of(image.detach()[0].cpu().numpy())
        if level is None:
            told = told_of(self.net.architecture, sample, None)
        else:  # loops begin with images that span less than their noise level: no reason for a warning
            found, given = statistics_of(sample), check_sigma(level, tuple(image.shape[2:]))
            told = Told(given, Span(found.black, found.contrast))
        black, unit = told.span
        maps = self.net((image - black) / unit, _noise_of(told, image))
        scaled = {name: each * unit if self._in_image_values(name) else each for name, each in maps._asdict().items()}
        return apply_filter(self.net.filter, image, self.net.filter.Maps(**scaled))

    def _in_image_values(self, name: str) -> bool:
        return is_guide(name) or self.net.filter.ranges[name].unit in IN_IMAGE_VALUES

    def _check(self, x: Tensor) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"x is {type(x).__name__}; expected a torch.Tensor (pkn.denoise takes arrays)")
        if x.ndim != 4 or x.shape[1] != self.net.channels or not x.numel():
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (N, {self.net.channels}, H, W)")
        own = next(self.parameters())
        if x.dtype not in (torch.float32, torch.float64) or x.dtype != own.dtype or x.device != own.device:
            raise TypeError(
                f"x is {x.dtype} on {x.device} and the parameters are {own.dtype} on {own.device}; expected both to be"
                " float32 or float64 on one device (module.to(x) moves the parameters)"
            )
        if not bool(x.isfinite().all()):
            raise ValueError("x has values that are not finite; expected none (pkn.denoise takes them for gaps)")


def _levels(sigma: Any, x: Tensor) -> list[Any]:
    """What the user says of each image's noise: None, a number, or an array (H, W)."""
    if sigma is None:
        return [None] * len(x)
    given = torch.as_tensor(sigma).detach().cpu()
    if given.numel() == 1:
        return [float(given)] * len(x)
    if tuple(given.shape) in ((len(x),), (len(x), 1, 1, 1)):
        return given.flatten().tolist()
    if tuple(given.shape) == (len(x), 1, *x.shape[2:]):
        return list(given[:, 0].numpy())
    raise ValueError(
        f"sigma has shape {tuple(given.shape)}; expected a number, (N,), (N, 1, 1, 1) or (N, 1, H, W) for x of shape"
        f" {tuple(x.shape)}"
    )


def _noise_of(told: Told, image: Tensor) -> Any:
    """The noise as :meth:`pkn.nets.MapNet.forward` takes it, of the image from 0 to about 1."""
    black, unit = told.span
    if isinstance(told.noise, NoiseCurve):
        return [NoiseCurve((told.noise.intensity - black) / unit, told.noise.sigma / unit)]
    sigma = torch.as_tensor(np.asarray(told.noise / unit)).to(image)
    return sigma.reshape(1) if sigma.numel() == 1 else sigma.reshape(1, 1, *image.shape[2:])
