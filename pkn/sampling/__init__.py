"""Generative samplers, degradation by degradation: noise, blur and others; kernel density estimates; priors."""
