"""Rows of an evaluation as text: CSV and Markdown."""

import csv
import io

from pkn.evaluation.metrics import Row

HEADER = ("data", "case", "method", "parameters", "PSNR in dB", "SSIM", "s/MP", "setting")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of ``HEADER``."""
    parameters = "" if row.parameters is None else str(row.parameters)
    figures = f"{row.psnr:.2f}", f"{row.ssim:.4f}", f"{row.seconds:.3g}"
    return row.data, row.case, row.method, parameters, *figures, row.setting


def to_csv(rows: list[Row]) -> str:
    """The table with a header line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *map(cells, rows)])
    return text.getvalue()


def to_markdown(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = [HEADER, ("---",) * len(HEADER), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
