"""Receipts: what was made of which file by which network and maps, so that anyone can replay and check it.

A receipt is a JSON file. The maps are archived beside it, and replaying needs neither the network nor torch: the filter
with these maps gives the same pixels bit for bit on processors of the same kind, and within a few units in the last
place elsewhere. Hashes are SHA-256; signatures Ed25519 (RFC 8032), by the package ``cryptography``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.evidence.hashes import of_file, of_network, of_pixels
from pkn.evidence.machine import describe_machine
from pkn.evidence.replays import REPLAYS, Replay
from pkn.evidence.signatures import SIGNATURE, is_signed, sign
from pkn.io.atomic import atomic_path
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.version import __version__

FORMAT = 1
LOSSY = (".jpg", ".jpeg", ".avif", ".gif")  # files that may hold other pixels than the result's


class Check(NamedTuple):
    """What was checked, whether it holds (None if it couldn't be, or needn't), and in words."""

    name: str
    holds: bool | None
    words: str


def write_receipt(
    path: str | Path,
    source: str | Path,
    target: str | Path,
    maps: Iterable[ParameterMaps],
    *,
    kind: str = "image",
    options: dict[str, Any] | None = None,
    profile: NoiseProfile | Mapping[str, NoiseProfile] | None = None,
    key: str | Path | None = None,
) -> list[Path]:
    """Write the receipt of a denoised file, and beside it the maps of each page or plane.

    Parameters
    ----------
    path : str or path
        The receipt, .json.
    source, target : str or path
        The image that was denoised, and the result; both are there.
    maps : iterable of ParameterMaps
        Of each page of an image file, each plane of a Zarr image, or the four of a raw file
        (:func:`pkn.restoration.raw.predict_raw_maps`), unchanged. They are taken one by one.
    kind : "image", "zarr" or "raw"
        What the source is.
    options : dict, optional
        What else was asked for, as JSON represents it.
    profile : NoiseProfile or dict of str to NoiseProfile, optional
        The noise that was given, of a raw file for each colour too; if neither it nor a noise level was, it is
        estimated again.
    key : str or path, optional
        Private Ed25519 key in PEM, without a password, to sign with.

    Returns
    -------
    list of Path
        All that was written.

    Raises
    ------
    ValueError
        If the key isn't one, or ``cryptography`` is not installed.
    OSError
        If a file can't be read or written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.evidence.receipts import verify_receipt, write_receipt
    >>> from pkn.io.images import ImageFile, write_image
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 80)).astype(np.float32)
    >>> with tempfile.TemporaryDirectory() as name:
    ...     source, target, receipt = (Path(name) / file for file in ("noisy.tif", "clean.tif", "clean.json"))
    ...     write_image(source, ImageFile((noisy,)))
    ...     maps = pkn.predict_maps(noisy)
    ...     write_image(target, ImageFile((maps.apply(noisy),)))
    ...     _ = write_receipt(receipt, source, target, [maps])
    ...     all(check.holds is not False for check in verify_receipt(receipt, source, target))
    True
    """
    path, source, target = Path(path), Path(source), Path(target)
    replay, archives, about, axis = REPLAYS[kind](source), [], dict[str, Any](), None
    for number, each in enumerate(maps):
        archives.append(path.with_name(f"{path.stem}{f'-{replay.part}{number}' * (replay.parts > 1)}.maps.npz"))
        each.save(archives[-1])
        about, axis = about or each.provenance, each.channel_axis
    if profile is None and not about.get("sigma_given"):
        profile = replay.estimated_noise()
    facts: dict[str, Any] = {
        "format": FORMAT,
        "kind": kind,
        "pkn": __version__,
        "input": {"name": source.name, "sha256": of_file(source)},
        "output": {"name": target.name, "sha256": of_file(target)},
        "result": [of_pixels(pixels) for pixels in _results(replay, archives)],
        "maps": [{"name": archive.name, "sha256": of_file(archive)} for archive in archives],
        "network": {"name": about.get("net"), "sha256": of_network(about.get("net"), axis)},
        "noise": {"sigma": about.get("sigma"), "given": about.get("sigma_given"), "profile": _in_short(profile)},
        "options": options or {},
        "machine": describe_machine() | replay.libraries,
    }
    if key is not None:
        facts[SIGNATURE] = sign(facts, Path(key))
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=1, sort_keys=True))
    return [path, *archives]


def verify_receipt(
    path: str | Path, source: str | Path, target: str | Path | None = None, key: str | Path | None = None
) -> list[Check]:
    """Check a receipt: hashes, signature, and the result by replaying the archived maps.

    Parameters
    ----------
    path : str or path
        The receipt; its maps lie beside it.
    source : str or path
        The image file that was denoised.
    target : str or path, optional
        The result.
    key : str or path, optional
        Public Ed25519 key in PEM, of who is said to have signed.

    Returns
    -------
    list of Check
        ``holds`` is False for all that is not as the receipt says.

    Raises
    ------
    ValueError
        If the file is no receipt, or the key no key.
    OSError
        If a file can't be read.
    """
    path, facts = Path(path), _read(Path(path))
    checks = [_signature_check(facts, key), _file_check("input", Path(source), facts["input"]["sha256"])]
    if target is not None:
        checks.append(_file_check("output", Path(target), facts["output"]["sha256"]))
    archives = [path.with_name(each["name"]) for each in facts["maps"]]
    checks += [_file_check("maps", file, each["sha256"]) for file, each in zip(archives, facts["maps"], strict=True)]
    replay = REPLAYS[facts.get("kind", "image")](Path(source))
    ours = describe_machine() | replay.libraries
    here = "as there" if facts["machine"] == ours else f"there {facts['machine']}, here {ours}"
    checks.append(Check("machine", None, f"rounds {here}"))
    return [*checks, *_replay_checks(facts, replay, archives, None if target is None else Path(target))]


def _results(replay: Replay, archives: list[Path]) -> Iterator[np.ndarray]:
    """Of archived maps, one array in memory at a time."""
    if replay.parts != len(archives):
        raise ValueError(f"the input has {replay.parts} {replay.part}s; expected {len(archives)}, as there are maps")
    return replay.results(map(ParameterMaps.load, archives))


def _replay_checks(facts: dict[str, Any], replay: Replay, archives: list[Path], target: Path | None) -> list[Check]:
    found, compared = [], _Comparison()
    written = iter(()) if target is None else replay.written(target)
    for result, pixels in zip_longest(_results(replay, archives), written):
        if result is not None:
            found.append(of_pixels(result))
        if target is not None:
            compared.add(None if result is None else replay.as_written(result, target), pixels)
    wanted = facts["result"]
    different = sum(a != b for a, b in zip_longest(found, wanted))
    words = f"{different} of {len(wanted)} {replay.part}s differ" if different else "bit for bit the same"
    checks = [Check("replay", not different, words)]
    return checks if target is None else [*checks, compared.check(target.suffix.lower() not in LOSSY)]


class _Comparison:
    """Of a result's arrays with an output's: how many values differ, and by how much."""

    def __init__(self) -> None:
        self.comparable, self.number, self.largest = True, 0, 0.0

    def add(self, result: np.ndarray | None, pixels: np.ndarray | None) -> None:
        if result is None or pixels is None or result.shape != pixels.shape or result.dtype != pixels.dtype:
            self.comparable = False
            return
        difference = np.asarray(pixels, float) - result
        self.number += int(np.count_nonzero(difference))
        self.largest = max(self.largest, float(np.nanmax(np.abs(difference), initial=0)))

    def check(self, lossless: bool) -> Check:
        if not self.comparable:
            return Check("pixels", None, "the output has another type than the result: not compared")
        if not self.number:
            return Check("pixels", True, "those of the output")
        words = f"{self.number} values of the output differ, by {self.largest:g} at most"
        return Check("pixels", False if lossless else None, words)


def _signature_check(facts: dict[str, Any], key: str | Path | None) -> Check:
    signed = SIGNATURE in facts
    if key is None:
        words = "signed; give the public key to check it" if signed else "not signed"
        return Check(SIGNATURE, None, words)
    if not signed:
        return Check(SIGNATURE, False, "not signed")
    if not is_signed(facts, Path(key)):
        return Check(SIGNATURE, False, "not of this key, or the receipt was changed")
    return Check(SIGNATURE, True, "of this key")


def _file_check(name: str, file: Path, wanted: str) -> Check:
    if not file.exists():
        return Check(name, False, f"'{file.name}' is missing")
    same = of_file(file) == wanted
    return Check(name, same, f"'{file.name}' is {'the same' if same else 'another'} file")


def _read(path: Path) -> dict[str, Any]:
    text = path.read_text()
    try:
        facts: dict[str, Any] = json.loads(text)
        if facts["format"] != FORMAT:
            raise ValueError(f"its format is {facts['format']}; expected {FORMAT}")
        names = [each["name"] for each in facts["maps"]]
        if not names or any(Path(name).name != name for name in names) or not facts["result"]:
            raise ValueError("its maps are not files beside it")
        if facts.get("kind", "image") not in REPLAYS:
            raise ValueError(f"it is of a '{facts['kind']}'; expected {', '.join(REPLAYS)}")
        for name in ("input", "output"):
            str(facts[name]["sha256"])
        dict(facts["machine"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"cannot read '{path}' as a receipt: {error}") from None
    return facts


def _in_short(profile: NoiseProfile | Mapping[str, NoiseProfile] | None) -> dict[str, Any] | None:
    """The model of a noise profile, or of each colour's."""
    if isinstance(profile, Mapping):
        return {colour: _in_short(each) for colour, each in profile.items()}
    names = ("gain", "read_noise", "black", "correlation", "level", "uncertainty")
    return None if profile is None else {name: float(getattr(profile, name)) for name in names}
