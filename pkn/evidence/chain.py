"""The whole chain that denoises an image, noise estimate, network and filter, to be asked again for other images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.filters.arrays import check_image, from_planes, to_floats, to_planes
from pkn.restoration.arguments import known_noise
from pkn.restoration.denoising import denoise
from pkn.restoration.noise_estimation import estimate_noise


@dataclass(frozen=True, eq=False)
class DenoisingChain:
    """An image, and what denoises it.

    Parameters
    ----------
    image : array
        Floats.
    net, channel_axis
        As in :func:`pkn.denoise`.
    settings : dict
        ``strength``, ``sigma``, ``noise`` and ``mask`` of it. Without ``sigma`` and ``noise`` the noise is estimated
        anew for each image, for the estimate is a part of the chain.
    noise : float, array or NoiseProfile
        The noise of ``image``: what was told, or the estimate.
    """

    image: np.ndarray
    net: Any
    channel_axis: int | None
    settings: dict[str, Any]
    noise: Any

    @classmethod
    def of(cls, image: Any, net: Any, channel_axis: int | None, **settings: Any) -> "DenoisingChain":
        """For an image of any dtype; raises as :func:`pkn.denoise` does."""
        given = to_floats(check_image(image, channel_axis))
        noise = known_noise(settings.get("sigma"), settings.get("noise"))
        if noise is None:
            noise = estimate_noise(given, channel_axis=channel_axis, mask=settings.get("mask"))
        return cls(given, net, channel_axis, settings, noise)

    @property
    def noisy(self) -> np.ndarray:
        """The planes (C, H, W) of the image."""
        return np.asarray(to_planes(self.image, self.channel_axis)[0])

    def denoised(self, planes: np.ndarray) -> np.ndarray:
        """What becomes of other planes (C, H, W)."""
        again = denoise(self.as_image(planes), self.net, channel_axis=self.channel_axis, **self.settings)
        return np.asarray(to_planes(again, self.channel_axis)[0])

    def as_image(self, planes: np.ndarray) -> np.ndarray:
        """Planes (C, H, W) with the axes and the dtype of the image."""
        dtype = self.image.dtype
        return np.asarray(from_planes(planes[None].astype(dtype, copy=False), self.channel_axis, None, dtype))
