"""Image files, folders and sets of images."""
