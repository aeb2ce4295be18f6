"""Training of map networks, of samplers' restorers and of wavelet models."""
