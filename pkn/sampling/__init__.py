"""Generative samplers, and what they sample from."""
