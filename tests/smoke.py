"""That an installed pkn runs: needs nothing but the package. `make test-matrix` calls it for every Python."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIGMA = 25


def pkn(*arguments, folder):
    done = subprocess.run([sys.executable, "-m", "pkn", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pkn {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def psnr(image, clean):
    return 10 * np.log10(255**2 / np.mean((image.astype(float) - clean) ** 2))


def main():
    rng = np.random.default_rng(0)
    clean = np.full((96, 128, 3), np.linspace(40, 200, 128)[:, None])
    noisy = np.clip(rng.normal(clean, SIGMA), 0, 255).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        print(pkn("doctor", folder=folder))
        assert "any-noise" in pkn("nets", folder=folder)
        Image.fromarray(noisy).save(Path(folder, "in.png"))
        pkn("denoise", "in.png", "out.png", "--maps", "maps", folder=folder)
        result = np.asarray(Image.open(Path(folder, "out.png")))
        assert Path(folder, "maps", "maps.npz").exists()
    gain = psnr(result, clean) - psnr(noisy, clean)
    assert result.shape == noisy.shape
    assert gain > 8, gain
    import pkn as package

    assert "site-packages" in package.__file__, f"{package.__file__} is no installed package"
    print(f"Python {sys.version.split()[0]}, pkn {package.__version__}: denoised by {gain:.1f} dB, smoke test passed")


if __name__ == "__main__":
    main()
