"""Evaluation of networks and samplers, beside baselines."""
