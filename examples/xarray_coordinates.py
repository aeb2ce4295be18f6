"""
Keep coordinates with xarray
============================

``python xarray_coordinates.py [FOLDER]`` writes FOLDER/xarray.png. Needs xarray (pip install xarray).

A DataArray goes in, a DataArray comes out, with dimensions, coordinates and attributes.
"""

import sys
from pathlib import Path

import numpy as np
import xarray as xr
from skimage import data

import pkn
from pkn.io.images import ImageFile, write_image

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
scene, random = data.camera()[100:228, 160:352], np.random.default_rng(0)
frames = xr.DataArray(
    random.poisson(scene / 8, (3, *scene.shape)).astype(np.float32),
    dims=("time", "y", "x"),
    coords={"time": [0.0, 0.5, 1.0], "y": 0.2 * np.arange(128), "x": 0.2 * np.arange(192)},
    attrs={"unit": "photons"},
)

# %%
# ``stack_axes`` are numbers of axes; ``get_axis_num`` gives them by name.
clean = xr.apply_ufunc(pkn.denoise, frames, kwargs={"stack_axes": frames.get_axis_num("time")}, keep_attrs=True)
print(clean.sel(time=0.5, y=slice(2, 4), x=slice(3, 5)))

# %%
# Chunks stay lazy: what is selected of the result is computed, and no more.
lazy = xr.apply_ufunc(pkn.denoise, frames.chunk({"time": 1}), kwargs={"stack_axes": 0}, keep_attrs=True, dask="allowed")
print("same bits, lazily:", lazy.sel(time=0.5).identical(clean.sel(time=0.5)))

# %%
# Maps have the image's rows and columns, and so its coordinates.
one = frames.sel(time=0.0)
radius = one.copy(data=pkn.predict_maps(one).readable(one)["radius"].values).assign_attrs(unit="px")
print(f"averaged over a radius of {float(radius.mean()):.1f} px, at most {float(radius.max()):.1f} px")

sheet = np.hstack([each.isel(time=0) / 32 for each in (frames, clean)] + [radius / radius.max()])
write_image(folder / "xarray.png", ImageFile((np.rint(255 * np.clip(sheet, 0, 1)).astype(np.uint8),)))
