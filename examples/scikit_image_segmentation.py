"""
Segment with scikit-image
=========================

``python scikit_image_segmentation.py [FOLDER]`` writes FOLDER/coins.png.

``pkn.denoise`` takes what scikit-image's filters take, and gives an array back: the next step is whatever comes next.
"""

import sys
from pathlib import Path

import numpy as np
from skimage import color, data, filters, io, measure, morphology, restoration, util

import pkn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
clean = util.img_as_float32(data.coins())
noisy = util.random_noise(clean, var=0.15**2, rng=0).astype(np.float32)

# %%
# Where scikit-image asks for a noise level, the image's own estimate will do.
sigma = restoration.estimate_sigma(noisy)
results = {
    "noisy": noisy,
    "Gaussian filter": filters.gaussian(noisy, 1.5),
    "denoise_nl_means": restoration.denoise_nl_means(noisy, h=0.8 * sigma, sigma=sigma, fast_mode=True),
    "pkn.denoise": pkn.denoise(noisy),
}


# %%
# The same steps after each of them, and how much of the clean image's coins is found.
def coins(image: np.ndarray) -> np.ndarray:
    return morphology.opening(image > filters.threshold_local(image, 151), morphology.disk(3))


truth = coins(clean)
for name, image in results.items():
    found = coins(image)
    overlap = (found & truth).sum() / (found | truth).sum()
    print(f"{name}: {measure.label(found).max()} objects, {overlap:.3f} of the area shared with the clean image's")

borders = color.label2rgb(measure.label(coins(results["pkn.denoise"])), results["pkn.denoise"], bg_label=0, alpha=0.3)
io.imsave(folder / "coins.png", util.img_as_ubyte(np.clip(np.hstack([color.gray2rgb(noisy), borders]), 0, 1)))
