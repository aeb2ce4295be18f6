"""Training of all networks."""
