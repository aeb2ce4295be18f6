"""The tiny networks that predict filters' maps: in torch for training, in Numba for use."""
