"""The kernel core: windows, patches, resampling and pyramids, forward and backward, on planar arrays."""
