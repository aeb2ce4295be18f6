"""Pictures of maps, grids of images, HTML reports."""
