"""Reference implementations: every filter as a plain loop in float64, straight from its formula. The specification.

Nothing here comes from the library. A reference takes an image (C, H, W) with NaN where a pixel is missing, a mask
(H, W) of the valid pixels (or None) and the maps in full size. It returns the output (C, H, W) and the mass (H, W),
which is the sum of all weights.
"""

import numpy as np

# scipy.ndimage's name of a border mode -> NumPy's
NUMPY_MODES = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


def pad(image, radius, border):
    """Pad the last two axes; "constant" is 0."""
    widths = [(0, 0)] * (image.ndim - 2) + [(radius, radius)] * 2
    return np.pad(image, widths, mode=NUMPY_MODES[border])


def pad_mask(valid, radius, border):
    """Pad the mask of valid pixels. The 0 outside an image with a "constant" border is a valid value."""
    widths = [(radius, radius)] * 2
    if border == "constant":
        return np.pad(valid, widths, constant_values=True)
    return np.pad(valid, widths, mode=NUMPY_MODES[border])


def split(image, mask, radius, border):
    """Return the padded image, 0 at invalid pixels, and the padded mask of valid pixels."""
    image = np.asarray(image, np.float64)
    valid = np.isfinite(image).all(0)
    if mask is not None:
        valid = valid & mask
    return pad(np.where(valid, image, 0.0), radius, border), pad_mask(valid, radius, border)


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

REBLURS = {"IsotropicReblurMaps": isotropic_gaussian, "ReblurMaps": anisotropic_gaussian}


def window_filter(weights_of, signed, image, mask, maps, radius, border, guide=None):
    """Average every window (``signed``: sum it) with the weights given by the maps of its centre.

    Range distances are those of the guide (F, H, W), or of the image.
    """
    channels, height, width = image.shape
    padded, mask_padded = split(image, mask, radius, border)
    compared = padded if guide is None else pad(np.asarray(guide, np.float64), radius, border)
    dr, dc = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    out, mass = np.empty((channels, height, width)), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            window = padded[:, y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            valid_here = mask_padded[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            inputs = compared[:, y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            d2 = ((inputs - inputs[:, radius, radius][:, None, None]) ** 2).sum(0)
            if not valid_here[radius, radius]:  # an invalid centre has no value to compare with
                d2 = np.zeros_like(d2)
            here = {name: values[..., y, x].astype(np.float64) for name, values in maps.items()}
            weights = weights_of(dr, dc, d2, **here) * valid_here
            total = (weights * window).sum((1, 2))
            if signed:
                mass[y, x] = valid_here.sum()
                out[:, y, x] = total if valid_here.any() else np.nan
            else:
                mass[y, x] = weights.sum()
                out[:, y, x] = total / mass[y, x] if mass[y, x] > 0 else np.nan
    return out, mass


def non_local_means(image, mask, maps, radius, patch_radius, border):
    """Weights from the mean squared distance of patches, over the pairs of pixels that are both valid."""
    channels, height, width = image.shape
    halo, patch = radius + patch_radius, 2 * patch_radius + 1
    padded, mask_padded = split(image, mask, halo, border)
    out, mass = np.empty((channels, height, width)), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            total, mass[y, x] = np.zeros(channels), 0.0
            h, sigma = float(maps["h"][y, x]), float(maps["sigma"][y, x])
            here = np.s_[y + radius : y + radius + patch, x + radius : x + radius + patch]
            for dy in range(2 * radius + 1):
                for dx in range(2 * radius + 1):
                    there = np.s_[y + dy : y + dy + patch, x + dx : x + dx + patch]
                    pairs = mask_padded[here] & mask_padded[there]
                    squares = ((padded[:, *there] - padded[:, *here]) ** 2).sum(0) * pairs
                    distance = squares.sum() / pairs.sum() if pairs.any() else 0.0
                    weight = np.exp(-max(0.0, distance - 2 * sigma**2) / h**2)
                    weight *= mask_padded[y + dy + patch_radius, x + dx + patch_radius]
                    total += weight * padded[:, y + dy + patch_radius, x + dx + patch_radius]
                    mass[y, x] += weight
            out[:, y, x] = total / mass[y, x] if mass[y, x] > 0 else np.nan
    return out, mass


def upsampling(image, maps, radius, border, size):
    """Gaussians around output positions, in windows of 2 radius pixels a side; at its edges by the part inside."""
    channels, height, width = image.shape
    padded = pad(np.asarray(image, np.float64), radius + 1, border)
    out = np.empty((channels, *size))
    for y in range(size[0]):
        for x in range(size[1]):
            at_y, at_x = (y + 0.5) * height / size[0] - 0.5, (x + 0.5) * width / size[1] - 0.5
            kx, ky, rho = (interpolate(maps[name], at_y, at_x) for name in ("kx", "ky", "rho"))
            total, mass = np.zeros(channels), 0.0
            for row in range(int(np.floor(at_y)) - radius, int(np.ceil(at_y)) + radius + 1):
                for col in range(int(np.floor(at_x)) - radius, int(np.ceil(at_x)) + radius + 1):
                    dr, dc = row - at_y, col - at_x
                    inside = np.prod(np.clip(radius + 0.5 - np.abs([dr, dc]), 0, 1))
                    if inside > 0:
                        w = inside * np.exp(-((kx * dc) ** 2 + (ky * dr) ** 2 + 2 * rho * kx * ky * dr * dc) / 2)
                        total += w * padded[:, row + radius + 1, col + radius + 1]
                        mass += w
            out[:, y, x] = total / mass
    return out


def interpolate(plane, at_y, at_x):
    """Interpolate bilinearly, clamped at the edges."""
    value = 0.0
    for row in (int(np.floor(at_y)), int(np.floor(at_y)) + 1):
        for col in (int(np.floor(at_x)), int(np.floor(at_x)) + 1):
            inside = plane[np.clip(row, 0, plane.shape[0] - 1), np.clip(col, 0, plane.shape[1] - 1)]
            value += (1 - abs(at_y - row)) * (1 - abs(at_x - col)) * inside
    return value


def joint_bilateral(image, mask, maps, radius, border):
    own = {name: values for name, values in maps.items() if name != "guide"}
    # A "constant" border is 0 in the guide too.
    return window_filter(anisotropic_bilateral, False, image, mask, own, radius, border, maps["guide"])


def pyramid(image, mask, maps, radius, border, levels):
    """Halve by means of valid pixels, filter each pyramid level, double bilinearly, blend."""
    image = np.where(np.isfinite(image).all(0) & (True if mask is None else mask), image, np.nan)
    images = [image]
    for _ in range(levels - 1):
        images.append(halve(images[-1]))
    out = None
    for level in reversed(range(levels)):
        own = {name.removesuffix(f"_{level}"): v for name, v in maps.items() if name.endswith(f"_{level}")}
        blend = own.pop("blend", None)
        fine, _ = joint_bilateral(images[level], None, own, radius, border)
        if out is not None:
            coarse = double(out, fine.shape[1:])
            mixed = blend * fine + (1 - blend) * coarse
            fine = np.where(np.isnan(fine), coarse, np.where(np.isnan(coarse), fine, mixed))
        out = fine
    return out


def halve(image):
    channels, height, width = image.shape
    out = np.empty((channels, -(-height // 2), -(-width // 2)))
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            rows, columns = (np.minimum([2 * at, 2 * at + 1], size - 1) for at, size in ((y, height), (x, width)))
            four = image[:, rows][:, :, columns].reshape(channels, 4)
            there = ~np.isnan(four[0])
            out[:, y, x] = four[:, there].mean(1) if there.any() else np.nan
    return out


def double(image, size):
    out = np.empty((image.shape[0], *size))
    for y in range(size[0]):
        for x in range(size[1]):
            at_y, at_x = (y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5
            out[:, y, x] = 0
            for row in (int(np.floor(at_y)), int(np.floor(at_y)) + 1):
                for col in (int(np.floor(at_x)), int(np.floor(at_x)) + 1):
                    value = image[:, np.clip(row, 0, image.shape[1] - 1), np.clip(col, 0, image.shape[2] - 1)]
                    out[:, y, x] += (1 - abs(at_y - row)) * (1 - abs(at_x - col)) * value
    return out


def reblur(blur_weights, image, mask, maps, radius, border):
    """a_0 x + a_1 K x + a_2 K K x + a_3 K K K x, K an average of valid pixels; invalid pixels are replaced by K x."""
    gain, slope, curvature = (maps[name].astype(np.float64) for name in ("gain", "slope", "curvature"))
    # p(0) = gain, p(1) = 1, p'(1) = slope, p''(1) = curvature
    conditions = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 2, 3], [0, 0, 2, 6]])
    values = np.stack([gain, np.ones_like(gain), slope, curvature])
    a = np.linalg.solve(conditions, values.reshape(4, -1)).reshape(values.shape)
    valid = np.isfinite(image).all(0)
    if mask is not None:
        valid = valid & mask
    blur_maps = {name: values for name, values in maps.items() if name not in ("gain", "slope", "curvature")}
    blurred, mass = window_filter(blur_weights, False, image, valid, blur_maps, radius, border)
    out = a[0] * np.where(valid, image, blurred) + a[1] * blurred
    for i in (2, 3):
        blurred, _ = window_filter(blur_weights, False, blurred, valid, blur_maps, radius, border)
        out = out + a[i] * blurred
    return out, mass


def apply(spec, image, maps, mask=None):
    """Return ``(out, mass)`` of the filter ``spec``, of which only settings and the name of the maps' type are read."""
    name = spec.Maps.__name__
    if name == "NonLocalMeansMaps":
        return non_local_means(image, mask, maps, spec.radius, spec.patch_radius, spec.border)
    if name == "JointBilateralMaps":
        return joint_bilateral(image, mask, maps, spec.radius, spec.border)
    if name in REBLURS:
        return reblur(REBLURS[name], image, mask, maps, spec.radius, spec.border)
    return window_filter(WINDOW_WEIGHTS[name], name == "TanhMaps", image, mask, maps, spec.radius, spec.border)
