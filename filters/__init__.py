"""Image filters with per-pixel parameter maps, forward and backward, on NumPy arrays."""

from pkn.filters._filter import Filter, MapRange
from pkn.filters.anisotropic_bilateral import AnisotropicBilateral, AnisotropicBilateralMaps
from pkn.filters.anisotropic_gaussian import AnisotropicGaussian, AnisotropicGaussianMaps
from pkn.filters.bilateral import Bilateral, BilateralMaps
from pkn.filters.free_kernel import FreeKernel, SoftmaxMaps, TanhMaps
from pkn.filters.isotropic_gaussian import IsotropicGaussian, IsotropicGaussianMaps
from pkn.filters.non_local_means import NonLocalMeans, NonLocalMeansMaps

FILTERS: tuple[type[Filter], ...] = (
    Bilateral,
    IsotropicGaussian,
    AnisotropicGaussian,
    AnisotropicBilateral,
    NonLocalMeans,
    FreeKernel,
)

__all__ = [
    "FILTERS",
    "AnisotropicBilateral",
    "AnisotropicBilateralMaps",
    "AnisotropicGaussian",
    "AnisotropicGaussianMaps",
    "Bilateral",
    "BilateralMaps",
    "Filter",
    "FreeKernel",
    "IsotropicGaussian",
    "IsotropicGaussianMaps",
    "MapRange",
    "NonLocalMeans",
    "NonLocalMeansMaps",
    "SoftmaxMaps",
    "TanhMaps",
]
