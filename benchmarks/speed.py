"""Time of the filters beside OpenCV and scikit-image: `python benchmarks/speed.py`. Ratios are medians over pairs."""

import time
from collections.abc import Callable

import bm3d
import cv2
import numba
import numpy as np
from skimage.restoration import denoise_nl_means

import pkn
from pkn.filters import Bilateral, NonLocalMeans

MEGAPIXELS_12 = (3000, 4000)
SIGMA_SPACE, SIGMA_RANGE, H = 2.0, 0.1, 0.08


def pairs(ours: Callable[[], object], peer: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Median seconds of both, taken in turn, and the median of peer / ours pair by pair."""
    ours(), peer()
    times = np.array([[_seconds(ours), _seconds(peer)] for _ in range(runs)])
    return *np.median(times, 0), float(np.median(times[:, 1] / times[:, 0]))


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def photograph(shape: tuple[int, int]) -> np.ndarray:
    """Smooth structure and noise, float32."""
    random = np.random.default_rng(0)
    rough = cv2.GaussianBlur(random.random(shape, np.float32), (0, 0), 8)
    return np.clip(0.5 + 8 * (rough - 0.5) + 0.1 * random.standard_normal(shape, np.float32), 0, 1)


def main() -> None:
    threads = numba.get_num_threads()
    cv2.setNumThreads(threads)
    print(f"{threads} threads; {MEGAPIXELS_12[1]} x {MEGAPIXELS_12[0]} grey float32, per-pixel maps")
    image = photograph(MEGAPIXELS_12)
    space, value = (np.full_like(image, sigma) for sigma in (SIGMA_SPACE, SIGMA_RANGE))
    for radius in (3, 5, 7):
        flt, side = Bilateral(radius), 2 * radius + 1
        ours, peer, ratio = pairs(
            lambda flt=flt: flt(image, space, value),
            lambda side=side: cv2.bilateralFilter(image, side, SIGMA_RANGE, SIGMA_SPACE),
            7,
        )
        rate = image.size * side * side / ours / 1e9
        one, two = _scaling(lambda flt=flt: flt(image, space, value))
        print(
            f"bilateral {side} x {side}: {ours * 1e3:.0f} ms ({rate:.1f} Gtaps/s), OpenCV float32, one global setting: "
            f"{peer * 1e3:.0f} ms, {ratio:.2f} times; 1 thread / {threads} threads {one / two:.2f}"
        )
    for net in ("bilateral", "pyramid"):
        maps = pkn.predict_maps(image, net)
        network, filtering, _ = pairs(
            lambda net=net: pkn.predict_maps(image, net), lambda maps=maps: maps.apply(image), 3
        )
        print(f"denoise, {net} grey, 12 MP: network {network * 1e3:.0f} ms, filter {filtering * 1e3:.0f} ms")
    image = photograph((1000, 1000))
    ours, peer, ratio = pairs(lambda: pkn.denoise(image), lambda: bm3d.bm3d(image.astype(float), 0.1), 2)
    print(f"denoise, pyramid grey, 1 MP: {ours * 1e3:.0f} ms, bm3d {peer * 1e3:.0f} ms, {ratio:.0f} times")
    h, flt, bytes_ = np.full_like(image, H), NonLocalMeans(), np.rint(image * 255).astype(np.uint8)
    ours, peer, ratio = pairs(lambda: flt(image, h), lambda: cv2.fastNlMeansDenoising(bytes_, None, H * 255, 7, 21), 5)
    print(f"NLM 7 x 7, 21 x 21, 1 MP: {ours * 1e3:.0f} ms, OpenCV 8 bit {peer * 1e3:.0f} ms, {ratio:.2f} times")
    ours, peer, ratio = pairs(lambda: flt(image, h), lambda: denoise_nl_means(image, 7, 10, h=H, fast_mode=True), 3)
    print(
        f"NLM 7 x 7, 21 x 21, 1 MP: {ours * 1e3:.0f} ms, scikit-image fast_mode {peer * 1e3:.0f} ms, {ratio:.2f} times"
    )


def _scaling(call: Callable[[], object]) -> tuple[float, float]:
    """Median seconds on one thread and on all."""
    threads, times = numba.get_num_threads(), []
    for _ in range(5):
        numba.set_num_threads(1)
        one = _seconds(call)
        numba.set_num_threads(threads)
        times.append((one, _seconds(call)))
    return tuple(np.median(times, 0))


if __name__ == "__main__":
    main()
