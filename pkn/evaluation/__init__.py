"""Measuring networks and samplers against baselines."""
