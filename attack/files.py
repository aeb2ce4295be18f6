"""Damaged files: a corpus of whole ones, written here, is fuzzed for every reader."""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

import pkn
from pkn.io.datasets import read_set
from pkn.io.images import SUFFIXES, ImageFile, read_image, write_image
from pkn.io.large_tiff import open_large
from pkn.nets import load_predictor
from pkn.pretrained import weights_folder
from pkn.restoration.noise_profile import NoiseProfile

MAX_PIXELS = 2**22
CLEAR = (ValueError, OSError)


def corpus() -> list[tuple[str, bytes, Callable[[Path], Any]]]:
    """Name, content and reader of each whole file."""
    random, found = np.random.default_rng(0), []
    grey, colour = random.integers(0, 255, (24, 33), np.uint8), random.integers(0, 255, (24, 33, 3), np.uint8)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def add(name: str, reader: Callable[[Path], Any]) -> None:
            found.append((name, (folder / name).read_bytes(), reader))

        for suffix in SUFFIXES:
            for kind, pixels in (("grey", grey), ("colour", colour)):
                try:
                    write_image(folder / f"{kind}{suffix}", ImageFile((pixels,)))
                except ValueError:  # a format without colour
                    continue
                add(f"{kind}{suffix}", _read)
        stack = random.integers(0, 4000, (3, 2, 24, 33), np.uint16)
        tifffile.imwrite(folder / "ome.tif", stack, ome=True, photometric="minisblack", metadata={"axes": "ZCYX"})
        tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, metadata={"axes": "ZCYX", "Labels": ["a"] * 6})
        tifffile.imwrite(folder / "tiled.tif", np.tile(stack[0, 0], (3, 3)), tile=(32, 32), compression="zlib")
        tifffile.imwrite(folder / "float.tif", stack[0, 0].astype(np.float32), compression="lzw", predictor=True)
        Image.fromarray(colour).convert("CMYK").save(folder / "cmyk.jpg")
        Image.fromarray(colour).convert("P").save(folder / "palette.png")
        for name in ("ome.tif", "imagej.tif", "tiled.tif", "float.tif", "cmyk.jpg", "palette.png"):
            add(name, _read)
        maps = pkn.predict_maps(grey, "bilateral")
        for name in ("maps.npz", "maps.tif"):
            maps.save(folder / name)
            add(name, pkn.ParameterMaps.load)
        np.savez_compressed(folder / "set.npz", train_images=random.integers(0, 255, (9, 8, 8), np.uint8))
        add("set.npz", read_set)
        pkn.estimate_noise(grey).save(folder / "noise.json")
        add("noise.json", NoiseProfile.load)
    weights = weights_folder() / "bilateral-grey.safetensors"
    return [*found, ("net.safetensors", weights.read_bytes(), load_predictor)]


def _read(path: Path) -> Any:
    open_large(path)
    return read_image(path, max_pixels=MAX_PIXELS)


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """A file with a few bytes changed, numbers made extreme, parts cut, repeated or exchanged."""
    data = bytearray(content)
    for _ in range(int(random.choice([1, 1, 2, 5, 20]))):
        at = int(random.integers(len(data))) if random.random() < 0.5 else int(random.integers(min(len(data), 300)))
        match int(random.integers(5)):
            case 0:
                data[at] ^= 1 << int(random.integers(8))
            case 1:
                number = random.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 65535, len(data), at])
                data[at : at + 4] = int(number).to_bytes(4, str(random.choice(["little", "big"])))  # type: ignore[arg-type]
            case 2:
                del data[at : at + int(random.choice([1, 4, 100, len(data)]))]
            case 3:
                data[at:at] = data[at : at + int(random.choice([1, 12, 500]))]
            case 4:
                data[at : at + 16] = random.bytes(16)
        if not data:
            break
    return bytes(data)


def read_damaged(seed: int, first: int, folder: Path) -> None:
    """Read damaged files from number ``first`` on, for ever; a line of JSON for each: [number, name, outcome]."""
    whole = corpus()
    for number in range(first, 1 << 62):
        random = np.random.default_rng((seed, number))
        name, content, reader = whole[random.integers(len(whole))]
        path = folder / f"damaged{Path(name).suffix}"
        path.write_bytes(damaged(content, random))
        print(json.dumps([number, name, "begun"]), flush=True)
        try:
            reader(path)
            outcome = "read"
        except CLEAR as error:
            outcome = "refused" if str(error).strip() else f"an error without words: {error!r}"
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        print(json.dumps([number, name, outcome]), flush=True)
        path.unlink()


if __name__ == "__main__":
    import resource
    import sys
    import warnings

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, write_through=True)
    read_damaged(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
