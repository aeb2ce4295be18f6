"""Degradations of images: noise, blur, masks and lower resolution."""
