"""Filters as functions of torch: on the kernel core, in plain torch, in Triton."""
