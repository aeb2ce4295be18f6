"""Networks that predict images (restorers of samplers, cold diffusion, wavelet models), and networks for losses."""
