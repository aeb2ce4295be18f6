"""What `make bench` runs: all pairs of the table by size, colour and threads, then start-up.

Writes benchmarks/results.json and the table between the marks in docs/benchmarks.md; `--quick` leaves 12 MP out.
`--only pkn.denoise` prints that function's rows and writes nothing.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numba

from benchmarks.measure import measure_pair, multiply_add_peak
from benchmarks.startup import startup
from benchmarks.table import PAIRS, photograph

ROOT = Path(__file__).parents[1]
SIZES = {0.25: (500, 500), 1: (1000, 1000), 12: (3000, 4000)}
MARKS = "<!-- make bench -->", "<!-- end of make bench -->"


def main() -> None:
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    sizes = [size for size in SIZES if size <= (1 if "--quick" in sys.argv else 12)]
    threads = sorted({1, min(2, numba.config.NUMBA_NUM_THREADS)})
    peaks = {count: multiply_add_peak(count) for count in threads}
    rows = []
    for megapixels in sizes:
        for channels in (1, 3):
            image = photograph(*SIZES[megapixels], channels)
            for pair in PAIRS:
                if channels in pair.channels and pair.name.startswith(only):
                    for count in threads:
                        rows.append(measure_pair(pair, image, megapixels, count, peaks[count]))
                        print(rows[-1], flush=True)
    if only:
        return
    results = {"machine": machine(), "multiply_add_peak": peaks, "startup": startup(), "rows": rows}
    (ROOT / "benchmarks" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(results["startup"])
    if "--quick" not in sys.argv:
        _into_docs(_table(rows, max(threads)))


def machine() -> dict[str, str]:
    """Processor, versions and commit."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout
    names = ("numpy", "numba", "opencv-python-headless", "scikit-image", "kornia", "bm3d", "torch")
    from importlib.metadata import version

    return {
        "processor": models[0] if models else platform.processor(),
        "python": platform.python_version(),
        "commit": commit.strip(),
        **{name: version(name) for name in names},
    }


def _table(rows: list[dict[str, object]], threads: int) -> str:
    """The largest size of each pair with both timed, on all threads."""
    lines = [
        "| | size | colour | pkn, ms/MP | baseline | its ms/MP | times as fast | Gtaps/s | of the peak | memory, MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    chosen: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows:
        if row["threads"] == threads and row["theirs"] is not None:
            chosen[row["name"], row["baseline"], row["channels"]] = row
    for row in chosen.values():
        taps = "" if row["gigataps"] is None else f"{row['gigataps']:.1f}"
        share = "" if row["share"] is None else f"{row['share']:.0%}"
        lines.append(
            f"| {row['name']} | {row['megapixels']:g} MP | {'grey' if row['channels'] == 1 else 'RGB'} | "
            f"{row['ours']:.3g} | {row['baseline']} | {row['theirs']:.3g} | {row['ratio']:.3g} | {taps} | {share} | "
            f"{row['memory']:.0f} |"
        )
    return "\n".join(lines)


def _into_docs(table: str) -> None:
    path = ROOT / "docs" / "benchmarks.md"
    text = path.read_text()
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    path.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}")


main()
