"""The tiny networks that write filters' maps: in torch to train, in Numba to use."""
