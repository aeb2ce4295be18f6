"""Image files in, image files out: one or many, folders, standard input and output; nothing is overwritten unasked."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from pkn.cli._first_use import announce_compiling
from pkn.cli._progress import progress_bar
from pkn.cli._shared import OF_ONE_IMAGE

STANDARD = "-"  # input or output
FORMAT_OF_RAW, FORMAT_OF_AVI = ".tif", ".mkv"  # AVI has no time stamps
_TO_STANDARD_OUTPUT = "pkn.to_standard_output"


class Job(NamedTuple):
    """A file to read and the file to write."""

    source: Path
    target: Path


def image_files(*, every_kind: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command that works on one image file, ``function(source, target, **settings)``, to take many.

    With ``every_kind``, it takes raw files, Zarr images and videos too.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @click.argument(
            "sources", nargs=-1, required=True, metavar="IN...", type=click.Path(exists=True, allow_dash=True)
        )
        @click.argument("target", metavar="OUT", type=click.Path(allow_dash=True))
        @click.option("--recursive", is_flag=True, help="Folders: those within them too.")
        @click.option("--suffix", default="", help="Results' names end so: .png, or _clean, or _clean.png.")
        @click.option("--skip-existing", is_flag=True, help="Leave out what has a result already.")
        @click.option("--overwrite", is_flag=True, help="Replace existing files.")
        @wraps(function)
        def command(
            sources: tuple[str, ...],
            target: str,
            recursive: bool,
            suffix: str,
            skip_existing: bool,
            overwrite: bool,
            **settings: Any,
        ) -> None:
            announce_compiling()
            with _standard_streams(sources, target, suffix) as (sources, target):
                images_in = partial(_images_in, every_kind=every_kind, recursive=recursive)
                jobs = _jobs(sources, target, suffix, images_in)
                if len(jobs) > 1 and any(settings.get(name) for name in OF_ONE_IMAGE):
                    raise ValueError(
                        f"--maps, --report or --receipt was given with {len(jobs)} images; expected it with one"
                    )
                _run(_unwritten(jobs, skip_existing, overwrite), lambda job: function(*job, **settings))

        return command

    return decorate


def say(target: Path, text: str) -> None:
    """Print a line about a result: on standard error if the result is on standard output."""
    elsewhere = click.get_current_context().meta.get(_TO_STANDARD_OUTPUT, False)
    click.echo(f"{STANDARD if elsewhere else target}: {text}", err=elsewhere)


@contextmanager
def _standard_streams(sources: tuple[str, ...], target: str, suffix: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Sources and target as files, where they are standard input or output."""
    if STANDARD not in (*sources, target):
        yield sources, target
        return
    if len(sources) > 1:
        raise ValueError(f"IN is {len(sources)} files and one of IN and OUT '-'; expected one file")
    with TemporaryDirectory() as folder:
        source = sources[0]
        if source == STANDARD:
            source = str(Path(folder, "standard-input"))
            Path(source).write_bytes(sys.stdin.buffer.read())
        if target != STANDARD:
            yield (source,), target
            return
        click.get_current_context().meta[_TO_STANDARD_OUTPUT] = True
        result = Path(folder, "standard-output" + (suffix or _suffix_of(Path(source))))
        yield (source,), str(result)
        sys.stdout.buffer.write(result.read_bytes())


def _suffix_of(path: Path) -> str:
    """The suffix of the format that a file has by its content."""
    from pkn.io.formats import format_of_file

    return format_of_file(path).suffixes[0]


def _jobs(sources: Sequence[str], target: str, suffix: str, images_in: Callable[[Path, Path], list[Path]]) -> list[Job]:
    """What is to be read and written."""
    out = Path(target)
    into_folder = len(sources) > 1 or target.endswith(("/", os.sep)) or _is_folder(out) or _is_folder(Path(sources[0]))
    if not into_folder:
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(f"cannot write '{out}': the folder '{out.parent}' does not exist")
        return [Job(Path(sources[0]), out)]
    jobs = []
    for source in map(Path, sources):
        if _is_folder(source):
            jobs += [Job(path, out / _named(path.relative_to(source), suffix)) for path in images_in(source, out)]
        else:
            jobs.append(Job(source, out / _named(Path(source.name), suffix)))
    if not jobs:
        raise ValueError(f"IN is '{sources[0]}', which holds no image files; expected some (or --recursive)")
    targets: dict[Path, Path] = {}
    for job in jobs:
        if job.target in targets:
            raise ValueError(f"'{targets[job.target]}' and '{job.source}' would both become '{job.target}'")
        targets[job.target] = job.source
    return jobs


def _is_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".zarr"


def _images_in(folder: Path, out: Path, every_kind: bool, recursive: bool) -> list[Path]:
    """Image files in a folder, but for those in the folder of results."""
    from pkn.io.formats import SUFFIXES
    from pkn.io.raw_files import SUFFIXES as RAW
    from pkn.io.video import SUFFIXES as VIDEO

    suffixes = (*SUFFIXES, *RAW, *VIDEO, ".zarr") if every_kind else SUFFIXES
    inside = out.resolve()
    return [
        path
        for path in sorted(folder.rglob("*") if recursive else folder.iterdir())
        if path.suffix.lower() in suffixes
        and (path.is_file() or path.suffix == ".zarr")
        and (inside == folder.resolve() or inside not in path.resolve().parents)
    ]


def _named(path: Path, suffix: str) -> Path:
    """The name of the result: ``suffix`` may end the stem, name the format, or both."""
    from pkn.io.raw_files import SUFFIXES as RAW

    kind = path.suffix.lower()
    own = FORMAT_OF_RAW if kind in RAW else FORMAT_OF_AVI if kind == ".avi" else path.suffix
    return path.with_name(path.stem + (suffix if Path("x" + suffix).suffix else suffix + own))


def _unwritten(jobs: list[Job], skip_existing: bool, overwrite: bool) -> list[Job]:
    """The jobs that are left to do.

    Raises
    ------
    ValueError, OSError
        If a result's format is unknown, it would replace a file, or can't be written: before any work is done.
    """
    existing = [job for job in jobs if job.target.exists()]
    if skip_existing:
        jobs = [job for job in jobs if job not in existing]
    elif existing and not overwrite:
        number = f", and {len(existing) - 1} more" if len(existing) > 1 else ""
        input_too = " (the input)" if existing[0].target.resolve() == existing[0].source.resolve() else ""
        raise FileExistsError(
            f"'{existing[0].target}'{input_too} exists{number}; expected a new name, --overwrite or --skip-existing"
        )
    for job in jobs:
        _check_target(job)
    return jobs


def _check_target(job: Job) -> None:
    from pkn.io.atomic import writable_target
    from pkn.io.formats import format_of
    from pkn.io.video import SUFFIXES as VIDEO
    from pkn.io.video_writer import choose_encoder

    target = job.target
    if target.suffix != ".zarr":
        if job.source.suffix.lower() in VIDEO:
            choose_encoder(target)
        elif target.suffix.lower() != ".dng":  # of a raw file
            format_of(target)
        if target.parent.is_dir():
            writable_target(target)
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK) or not folder.is_dir():
        raise PermissionError(f"cannot write '{target}': no permission to write in '{folder}'")


def _run(jobs: list[Job], work: Callable[[Job], None]) -> None:
    """Do the jobs: several under one bar, and go on where one fails."""
    if len(jobs) == 1:
        _make_folder(jobs[0])
        work(jobs[0])
        return
    failures, done = [], 0
    try:
        with progress_bar("files") as callback:
            for number, job in enumerate(jobs):
                callback(number, len(jobs), {"what": job.source.name})
                try:
                    _make_folder(job)
                    work(job)
                    done += 1
                except (ValueError, TypeError, OSError) as error:
                    failures.append(f"{job.source}: {error}")
    finally:
        click.echo(f"{done} of {len(jobs)} files done", err=True)
    if failures:
        raise ValueError("\n  ".join([f"{len(failures)} of {len(jobs)} files failed:", *failures]))


def _make_folder(job: Job) -> None:
    job.target.parent.mkdir(parents=True, exist_ok=True)
