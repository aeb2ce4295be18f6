"""Reference implementations for windows of several planes: plain loops in float64, straight from the formulas.

As ``naive`` for one plane; nothing here comes from the library. A stack is (D, C, H, W) with NaN where a pixel is
missing, its mask (D, H, W), maps (..., D, H, W).
"""

import naive
import numpy as np

PLANE_MODES = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap"}


def isotropic(dz, dr, dc, sigma):
    return np.exp(-(dz**2 + dr**2 + dc**2) / (2 * sigma**2))


def anisotropic(dz, dr, dc, kx, ky, rho, kz):
    return naive.anisotropic_gaussian(dr, dc, None, kx, ky, rho) * np.exp(-((kz * dz) ** 2) / 2)


def spatial_weights(name, dz, dr, dc, maps):
    """Weights (rows, columns) of a plane at a distance ``dz``, without the range factor."""
    if name.startswith("Bilateral"):
        return isotropic(dz, dr, dc, maps["sigma_space"])
    if name.startswith("Isotropic"):
        return isotropic(dz, dr, dc, maps["sigma"])
    return anisotropic(dz, dr, dc, *(maps[key] for key in ("kx", "ky", "rho", "kz")))


def window_planes(count, radius_z, border_z, causal):
    """For each plane of a stack those in its window: -1 where there is none."""
    numbers = np.arange(count)
    if border_z == "omit":
        padded = np.concatenate([np.full(radius_z, -1), numbers, np.full(radius_z, -1)])
    else:
        padded = np.pad(numbers, radius_z, mode=PLANE_MODES[border_z])
    size = radius_z + 1 if causal else 2 * radius_z + 1
    return [padded[n : n + size] for n in range(count)]


def stack_filter(spec, stack, mask, maps):
    """Return ``(out, mass)`` of the filter ``spec`` (settings and the name of its maps' type), (D, C, H, W)."""
    name, radius, (sz, sy, sx) = spec.Maps.__name__, spec.radius, spec.spacing
    free, ranged = name in ("SoftmaxMaps", "TanhMaps"), "Bilateral" in name
    valid = np.isfinite(stack).all(1) & (True if mask is None else mask)
    padded = np.array(
        [naive.split(plane, here, radius, spec.border)[0] for plane, here in zip(stack, valid, strict=True)]
    )
    marks = np.array([naive.pad_mask(here, radius, spec.border) for here in valid])
    compared = padded if "guide" not in maps else naive.pad(np.moveaxis(maps["guide"], 1, 0), radius, spec.border)
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    dr, dc = offsets[0] * sy, offsets[1] * sx
    out, mass = np.empty(stack.shape), np.empty(valid.shape)
    for n, window in enumerate(window_planes(len(stack), spec.radius_z, spec.border_z, spec.causal)):
        for y, x in np.ndindex(*valid.shape[1:]):
            cut = np.s_[..., y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            here = {key: values[..., n, y, x].astype(np.float64) for key, values in maps.items() if key != "guide"}
            weights, values, counts = [], [], []
            for place, m in enumerate(window):
                if m < 0:
                    continue
                if free:
                    logits = here["logits"]
                    w = np.tanh(logits[place]) if name == "TanhMaps" else np.exp(logits[place] - logits.max())
                else:
                    w = spatial_weights(name, (place - spec.radius_z) * sz, dr, dc, here)
                if ranged and marks[n][cut][radius, radius]:
                    centre = compared[n][cut][:, radius, radius][:, None, None]
                    w = w * np.exp(-((compared[m][cut] - centre) ** 2).sum(0) / (2 * here["sigma_range"] ** 2))
                weights.append(w * marks[m][cut])
                values.append(padded[m][cut])
                counts.append(marks[m][cut])
            total = np.einsum("prc,pkrc->k", weights, values)
            mass[n, y, x] = np.sum(counts) if name == "TanhMaps" else np.sum(weights)
            out[n, :, y, x] = total if name == "TanhMaps" else total / mass[n, y, x] if mass[n, y, x] > 0 else np.nan
            if mass[n, y, x] == 0:
                out[n, :, y, x] = np.nan
    return out, mass


def non_local_means(spec, stack, maps):
    """Patches of one plane against those of the planes of the window."""
    radius, patch = spec.radius, 2 * spec.patch_radius + 1
    padded = naive.pad(stack, radius + spec.patch_radius, spec.border)
    out = np.empty(stack.shape)
    for n, window in enumerate(window_planes(len(stack), spec.radius_z, spec.border_z, spec.causal)):
        for y, x in np.ndindex(*stack.shape[2:]):
            total, mass = 0.0, 0.0
            h, sigma = float(maps["h"][n, y, x]), float(maps["sigma"][n, y, x])
            here = padded[n, :, y + radius : y + radius + patch, x + radius : x + radius + patch]
            for m in window[window >= 0]:
                for dy, dx in np.ndindex(2 * radius + 1, 2 * radius + 1):
                    there = padded[m, :, y + dy : y + dy + patch, x + dx : x + dx + patch]
                    distance = ((there - here) ** 2).sum(0).mean()
                    w = np.exp(-max(0.0, distance - 2 * sigma**2) / h**2)
                    total = total + w * there[:, spec.patch_radius, spec.patch_radius]
                    mass += w
            out[n, :, y, x] = total / mass
    return out
