"""How sure a denoised image is, why, and proof that it was so."""
