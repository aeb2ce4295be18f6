"""Networks that predict images: of samplers, cold diffusion, wavelet models; and what losses look through."""
