"""Filters as differentiable functions of torch: on the Numba core, in plain torch, and in Triton."""
