"""Time of ``pkn.denoise`` with AVX-512 and with AVX2 alone, on a machine that has both.

Usage: python -m benchmarks.instruction_sets [NET]

Processes with either set in turn; kernels of the other set are compiled first, into a folder of their own. Seconds of
processor time for a megapixel, the least of all calls.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 3
AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+f16c,+bmi,+bmi2"}
CODE = """
import sys, time
import numpy as np
import pkn
from pkn.restoration.denoising import denoise
net, channels = sys.argv[1], int(sys.argv[2])
image = np.random.default_rng(0).normal(0.5, 0.1, (1000, 1000, channels)).astype(np.float32)
least = 1e9
for _ in range(5):
    begin = time.process_time()
    denoise(image if channels > 1 else image[..., 0], net, channel_axis=-1 if channels > 1 else None)
    least = min(least, time.process_time() - begin)
print(least)
"""


def seconds(net: str, channels: int, settings: dict[str, str]) -> float:
    command = [sys.executable, "-c", CODE, net, str(channels)]
    return float(subprocess.check_output(command, env={**os.environ, "NUMBA_NUM_THREADS": "1", **settings}))


def main(net: str = "any-noise") -> None:
    if "avx512f" not in Path("/proc/cpuinfo").read_text():
        sys.exit("this machine has no AVX-512")
    with tempfile.TemporaryDirectory() as folder:
        for channels, colour in ((1, "grey"), (3, "RGB")):
            pairs = [
                (seconds(net, channels, {}), seconds(net, channels, {**AVX2, "NUMBA_CACHE_DIR": folder}))
                for _ in range(ROUNDS)
            ]
            own, narrow = (min(times) for times in zip(*pairs, strict=True))
            print(f"{net}, {colour}: AVX-512 {1e3 * own:.0f} ms, AVX2 {1e3 * narrow:.0f} ms, {narrow / own:.2f} times")


if __name__ == "__main__":
    main(*sys.argv[1:])
