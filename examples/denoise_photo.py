"""
Denoise a photograph
====================

``python denoise_photo.py [FOLDER [PHOTO]]`` writes FOLDER/denoised.png.
"""

import sys
from pathlib import Path

from skimage import data, io

import pkn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
photo = io.imread(sys.argv[2]) if len(sys.argv) > 2 else data.coffee()

denoised = pkn.denoise(photo, channel_axis=-1, dtype="same")

io.imsave(folder / "denoised.png", denoised)
