"""Multi-scale models of Haar wavelet bands: denoising, sampling and super-resolution."""
