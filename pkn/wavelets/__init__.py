"""Multiscale models of wavelet bands: denoising, sampling, super-resolution."""
