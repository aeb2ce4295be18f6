"""The verbs on images: denoise, upsample, deconvolve, debias, estimate."""
