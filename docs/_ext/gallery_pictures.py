"""What the gallery is told of `examples/`: each runs with a folder of its own, and what it draws there is shown."""

import os
import shutil
from pathlib import Path
from typing import Any

FOLDERS = Path(__file__).parents[1] / "_build" / "examples"
MORE = {"sample_cats": ["16"]}  # arguments behind the folder
SHOWN = {"demo": {"sheet"}, "denoise_photo": {"denoised"}, "export_maps": {"sigma_range", "sigma_space"}}
SUFFIXES = {".png", ".gif"}
FIRST = ("denoise_photo", "demo", "export_maps", "evidence", "deconvolve", "upsample", "dask_volume")


class Order:
    """The order of the gallery, as sphinx-gallery asks for it: what most users want, then the rest by name."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, file: str) -> tuple[int, str]:
        stem = Path(file).stem
        return (FIRST.index(stem) if stem in FIRST else len(FIRST)), stem


def arguments(conf: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """Arguments of an example's command line; its folder is made anew."""
    file = Path(variables["src_file"])
    folder = FOLDERS / file.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [os.path.relpath(folder, file.parent), *MORE.get(file.stem, [])]


def pictures(block: Any, variables: dict[str, Any], conf: dict[str, Any], **_: Any) -> str:
    """What an example has written into its folder since its last block, as reStructuredText."""
    from sphinx_gallery.scrapers import figure_rst

    stem = Path(variables["src_file"]).stem
    written = sorted(
        (path for path in (FOLDERS / stem).glob("*") if path.suffix in SUFFIXES),
        key=lambda path: path.stat().st_mtime_ns,
    )
    shown = []
    for path in written:
        if path.stem in SHOWN.get(stem, {path.stem}):
            target = Path(next(variables["image_path_iterator"])).with_suffix(path.suffix)
            shutil.copy(path, target)
            shown.append(str(target))
        path.unlink()
    return figure_rst(shown, conf["src_dir"])
