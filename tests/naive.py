"""Every filter as the slow, obvious loop in float64, straight from its formula: the specification.

Nothing here comes from the library. A twin takes an image (C, H, W) with NaN where a pixel is missing, a mask (H, W) of
the pixels that count (or None) and the maps in full size; it gives the output (C, H, W) and the mass (H, W), which is
the sum of all weights.
"""

import numpy as np

# scipy.ndimage's name for a border, and NumPy's
NUMPY_MODES = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


def pad(image, radius, border):
    """Pad the last two axes; "constant" is 0."""
    widths = [(0, 0)] * (image.ndim - 2) + [(radius, radius)] * 2
    return np.pad(image, widths, mode=NUMPY_MODES[border])


def pad_marks(seen, radius, border):
    """Where padded pixels count. The 0 outside an image with a "constant" border is a value like any other."""
    widths = [(radius, radius)] * 2
    if border == "constant":
        return np.pad(seen, widths, constant_values=True)
    return np.pad(seen, widths, mode=NUMPY_MODES[border])


def split(image, mask, radius, border):
    """The padded image, 0 where a pixel doesn't count, and the padded marks of the pixels that do."""
    image = np.asarray(image, np.float64)
    seen = np.isfinite(image).all(0)
    if mask is not None:
        seen = seen & mask
    return pad(np.where(seen, image, 0.0), radius, border), pad_marks(seen, radius, border)


def bilateral(dr, dc, d2, sigma_space, sigma_range):
    return np.exp(-(dr**2 + dc**2) / (2 * sigma_space**2) - d2 / (2 * sigma_range**2))


def isotropic_gaussian(dr, dc, d2, sigma):
    return np.exp(-(dr**2 + dc**2) / (2 * sigma**2))


def anisotropic_gaussian(dr, dc, d2, kx, ky, rho):
    precision = np.array([[kx**2, rho * kx * ky], [rho * kx * ky, ky**2]])
    d = np.stack([dc, dr])
    return np.exp(-0.5 * np.einsum("irc,ij,jrc->rc", d, precision, d))


def anisotropic_bilateral(dr, dc, d2, kx, ky, rho, sigma_range):
    return anisotropic_gaussian(dr, dc, d2, kx, ky, rho) * np.exp(-d2 / (2 * sigma_range**2))


def softmax_kernel(dr, dc, d2, logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def tanh_kernel(dr, dc, d2, logits):
    return np.tanh(logits)


WINDOW_WEIGHTS = {
    "BilateralMaps": bilateral,
    "IsotropicGaussianMaps": isotropic_gaussian,
    "AnisotropicGaussianMaps": anisotropic_gaussian,
    "AnisotropicBilateralMaps": anisotropic_bilateral,
    "SoftmaxMaps": softmax_kernel,
    "TanhMaps": tanh_kernel,
}


def window_filter(weights_of, signed, image, mask, maps, radius, border):
    """The average (``signed``: the sum) of every window under the weights of its centre's maps."""
    channels, height, width = image.shape
    padded, marks = split(image, mask, radius, border)
    dr, dc = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    out, mass = np.empty((channels, height, width)), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            window = padded[:, y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            mark = marks[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            d2 = ((window - window[:, radius, radius][:, None, None]) ** 2).sum(0)
            if not mark[radius, radius]:  # a centre without a value can't be compared
                d2 = np.zeros_like(d2)
            here = {name: values[..., y, x].astype(np.float64) for name, values in maps.items()}
            weights = weights_of(dr, dc, d2, **here) * mark
            total = (weights * window).sum((1, 2))
            if signed:
                mass[y, x] = mark.sum()
                out[:, y, x] = total if mark.any() else np.nan
            else:
                mass[y, x] = weights.sum()
                out[:, y, x] = total / mass[y, x] if mass[y, x] > 0 else np.nan
    return out, mass


def non_local_means(image, mask, maps, radius, patch_radius, border):
    """Weights from the mean squared distance of patches, over the pairs of pixels that both count."""
    channels, height, width = image.shape
    halo, patch = radius + patch_radius, 2 * patch_radius + 1
    padded, marks = split(image, mask, halo, border)
    out, mass = np.empty((channels, height, width)), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            total, mass[y, x] = np.zeros(channels), 0.0
            h, sigma = float(maps["h"][y, x]), float(maps["sigma"][y, x])
            here = np.s_[y + radius : y + radius + patch, x + radius : x + radius + patch]
            for dy in range(2 * radius + 1):
                for dx in range(2 * radius + 1):
                    there = np.s_[y + dy : y + dy + patch, x + dx : x + dx + patch]
                    pairs = marks[here] & marks[there]
                    squares = ((padded[:, *there] - padded[:, *here]) ** 2).sum(0) * pairs
                    distance = squares.sum() / pairs.sum() if pairs.any() else 0.0
                    weight = np.exp(-max(0.0, distance - 2 * sigma**2) / h**2)
                    weight *= marks[y + dy + patch_radius, x + dx + patch_radius]
                    total += weight * padded[:, y + dy + patch_radius, x + dx + patch_radius]
                    mass[y, x] += weight
            out[:, y, x] = total / mass[y, x] if mass[y, x] > 0 else np.nan
    return out, mass


def apply(spec, image, maps, mask=None):
    """``(out, mass)`` of the filter ``spec`` (its settings and the name of its maps' type are all that is read)."""
    name = spec.Maps.__name__
    if name == "NonLocalMeansMaps":
        return non_local_means(image, mask, maps, spec.radius, spec.patch_radius, spec.border)
    return window_filter(WINDOW_WEIGHTS[name], name == "TanhMaps", image, mask, maps, spec.radius, spec.border)
