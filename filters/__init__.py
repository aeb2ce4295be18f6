"""Image filters with per-pixel parameter maps, forward and backward, on NumPy arrays.

``FILTERS`` lists all filter classes. Networks, training, the command line and the tests iterate over it.

Examples
--------
>>> from pkn.filters import FILTERS
>>> [flt.__name__ for flt in FILTERS][:3]
['Bilateral', 'IsotropicGaussian', 'AnisotropicGaussian']
>>> FILTERS[0].Maps._fields
('sigma_space', 'sigma_range')
"""

from pkn.filters.anisotropic_bilateral import (
    AnisotropicBilateral,
    AnisotropicBilateralDeepMaps,
    AnisotropicBilateralMaps,
)
from pkn.filters.anisotropic_gaussian import AnisotropicGaussian, AnisotropicGaussianDeepMaps, AnisotropicGaussianMaps
from pkn.filters.base import Filter, MapRange
from pkn.filters.bilateral import Bilateral, BilateralMaps
from pkn.filters.exact_weights import absolute_weights
from pkn.filters.free_kernel import FreeKernel, SoftmaxMaps, TanhMaps
from pkn.filters.isotropic_gaussian import IsotropicGaussian, IsotropicGaussianMaps
from pkn.filters.joint_bilateral import JointBilateral, JointBilateralDeepMaps, JointBilateralMaps
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.filters.non_local_means import NonLocalMeans, NonLocalMeansMaps
from pkn.filters.pyramid import Pyramid
from pkn.filters.reblur import IsotropicReblur, IsotropicReblurMaps, Reblur, ReblurMaps
from pkn.filters.reblur_upsampling import ReblurUpsampling
from pkn.filters.upsampling import AnisotropicUpsampling

FILTERS: tuple[type[Filter], ...] = (
    Bilateral,
    IsotropicGaussian,
    AnisotropicGaussian,
    AnisotropicBilateral,
    JointBilateral,
    NonLocalMeans,
    FreeKernel,
    Pyramid,
    LumaChromaPyramid,
    IsotropicReblur,
    Reblur,
    AnisotropicUpsampling,
    ReblurUpsampling,
)

__all__ = [
    "FILTERS",
    "AnisotropicBilateral",
    "AnisotropicBilateralDeepMaps",
    "AnisotropicBilateralMaps",
    "AnisotropicGaussian",
    "AnisotropicGaussianDeepMaps",
    "AnisotropicGaussianMaps",
    "AnisotropicUpsampling",
    "Bilateral",
    "BilateralMaps",
    "Filter",
    "FreeKernel",
    "IsotropicGaussian",
    "IsotropicGaussianMaps",
    "IsotropicReblur",
    "IsotropicReblurMaps",
    "JointBilateral",
    "JointBilateralDeepMaps",
    "JointBilateralMaps",
    "LumaChromaPyramid",
    "MapRange",
    "NonLocalMeans",
    "NonLocalMeansMaps",
    "Pyramid",
    "Reblur",
    "ReblurMaps",
    "ReblurUpsampling",
    "SoftmaxMaps",
    "TanhMaps",
    "absolute_weights",
]


def __dir__() -> list[str]:
    return sorted(__all__)
