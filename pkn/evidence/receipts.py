"""Receipts: what was made of which file by which network and maps, so that anyone can replay and check it.

A receipt is a JSON file. The maps are archived beside it, and replaying needs neither the network nor torch: the filter
with these maps gives the same pixels bit for bit on processors of the same kind, and within a few units in the last
place elsewhere. Hashes are SHA-256; signatures Ed25519 (RFC 8032), by the package ``cryptography``.
"""

import json
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.evidence.hashes import of_file, of_network, of_pixels
from pkn.filters import Bilateral
from pkn.io.atomic import atomic_path
from pkn.io.image_file import ImageFile
from pkn.io.images import read_image
from pkn.restoration.noise_estimation import estimate_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.version import __version__, missing

FORMAT = 1
SIGNATURE = "signature"
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
    maps: Sequence[ParameterMaps],
    *,
    options: dict[str, Any] | None = None,
    profile: NoiseProfile | None = None,
    key: str | Path | None = None,
) -> list[Path]:
    """Write the receipt of a denoised file, and beside it the maps of each page.

    Parameters
    ----------
    path : str or path
        The receipt, .json.
    source, target : str or path
        The image file that was denoised, and the result; both are there.
    maps : sequence of ParameterMaps
        Of each page, unchanged.
    options : dict, optional
        What else was asked for, as JSON represents it.
    profile : NoiseProfile, optional
        The noise that was given; if neither it nor a noise level was, it is estimated again.
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
    archives = [path.with_name(f"{path.stem}{f'-page{n}' if len(maps) > 1 else ''}.maps.npz") for n in range(len(maps))]
    for archive, page in zip(archives, maps, strict=True):
        page.save(archive)
    about, image = maps[0].provenance, read_image(source)
    if profile is None and not about.get("sigma_given"):
        profile = estimate_noise(image.pages[0], channel_axis=image.channel_axis)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "pkn": __version__,
        "input": {"name": source.name, "sha256": of_file(source)},
        "output": {"name": target.name, "sha256": of_file(target)},
        "result": [of_pixels(pixels) for pixels in _replayed(image, maps)],
        "maps": [{"name": archive.name, "sha256": of_file(archive)} for archive in archives],
        "network": {"name": about.get("net"), "sha256": of_network(about.get("net"), maps[0].channel_axis)},
        "noise": {"sigma": about.get("sigma"), "given": about.get("sigma_given"), "profile": _in_short(profile)},
        "options": options or {},
        "machine": machine(),
    }
    if key is not None:
        facts[SIGNATURE] = _sign(facts, Path(key))
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
    same = facts["machine"] == machine()
    here = "as there" if same else f"there {facts['machine']}, here {machine()}"
    checks.append(Check("machine", None, f"rounds {here}"))
    image, maps = read_image(source), [ParameterMaps.load(archive) for archive in archives]
    return [*checks, *_replay_checks(facts, _replayed(image, maps), target)]


def check_key(path: str | Path) -> None:
    """Raise ValueError if a file isn't a private key to sign with, or the package for it is missing."""
    _load_key(Path(path), private=True)


def machine() -> dict[str, str]:
    """What results' last bits depend on: processor and libraries, and how a small image comes out of a filter."""
    import numba

    return {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "rounding": _rounding(),
    }


@cache
def _rounding() -> str:
    numbers = (np.arange(24 * 40) * 7919 % 1009 / np.float32(1009)).reshape(24, 40).astype(np.float32)
    return of_pixels(Bilateral(3)(numbers, 1.3, 0.2))[:16]


def _replayed(image: ImageFile, maps: Sequence[ParameterMaps]) -> list[np.ndarray]:
    """The pixels of all pages, as ``pkn denoise`` makes them."""
    if len(image.pages) != len(maps):
        raise ValueError(f"the input has {len(image.pages)} pages; expected {len(maps)}, as there are maps")
    results = []
    for pixels, mask, page in zip(image.pages, image.masks, maps, strict=True):
        result = page.apply(pixels, mask=mask, dtype="same")
        if mask is not None:
            result[~mask] = pixels[~mask]
        results.append(result)
    return results


def _replay_checks(facts: dict[str, Any], results: list[np.ndarray], target: str | Path | None) -> list[Check]:
    same = [of_pixels(result) == wanted for result, wanted in zip(results, facts["result"], strict=True)]
    words = "bit for bit the same" if all(same) else f"{same.count(False)} of {len(same)} pages differ"
    checks = [Check("replay", all(same), words)]
    if target is None:
        return checks
    pages = read_image(target).pages
    comparable = len(pages) == len(results) and all(
        a.shape == b.shape and a.dtype == b.dtype for a, b in zip(pages, results, strict=False)
    )
    if not comparable:
        return [*checks, Check("pixels", None, "the output has another type than the result: not compared")]
    different = [np.asarray(a, float) - b for a, b in zip(pages, results, strict=True)]
    number = sum(int(np.count_nonzero(each)) for each in different)
    largest = max(float(np.nanmax(np.abs(each), initial=0)) for each in different)
    words = f"{number} values of the output differ, by {largest:g} at most" if number else "those of the output"
    lossless = Path(target).suffix.lower() not in LOSSY
    return [*checks, Check("pixels", number == 0 if lossless or number == 0 else None, words)]


def _file_check(name: str, file: Path, wanted: str) -> Check:
    if not file.is_file():
        return Check(name, False, f"'{file.name}' is missing")
    same = of_file(file) == wanted
    return Check(name, same, f"'{file.name}' is {'the same' if same else 'another'} file")


def _signature_check(facts: dict[str, Any], key: str | Path | None) -> Check:
    signed = SIGNATURE in facts
    if key is None:
        words = "signed; give the public key to check it" if signed else "not signed"
        return Check(SIGNATURE, None, words)
    if not signed:
        return Check(SIGNATURE, False, "not signed")
    from cryptography.exceptions import InvalidSignature

    public = _load_key(Path(key), private=False)
    try:
        public.verify(bytes.fromhex(facts[SIGNATURE]), _signed_part(facts))
    except (InvalidSignature, ValueError, TypeError):
        return Check(SIGNATURE, False, "not of this key, or the receipt was changed")
    return Check(SIGNATURE, True, "of this key")


def _sign(facts: dict[str, Any], key: Path) -> str:
    signature: bytes = _load_key(key, private=True).sign(_signed_part(facts))
    return signature.hex()


def _signed_part(facts: dict[str, Any]) -> bytes:
    rest = {name: value for name, value in facts.items() if name != SIGNATURE}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def _load_key(path: Path, private: bool) -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise ValueError(missing("cryptography", "signatures", "receipts")) from None
    content, kind = path.read_bytes(), "private" if private else "public"
    try:
        key: Any = (
            serialization.load_pem_private_key(content, None) if private else serialization.load_pem_public_key(content)
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"key is '{path}', which can't be read as PEM: {error}") from None
    expected = ed25519.Ed25519PrivateKey if private else ed25519.Ed25519PublicKey
    if not isinstance(key, expected):
        raise ValueError(f"key is '{path}', a {type(key).__name__}; expected a {kind} Ed25519 key")
    return key


def _read(path: Path) -> dict[str, Any]:
    text = path.read_text()
    try:
        facts: dict[str, Any] = json.loads(text)
        if facts["format"] != FORMAT:
            raise ValueError(f"its format is {facts['format']}; expected {FORMAT}")
        names = [each["name"] for each in facts["maps"]]
        if not names or any(Path(name).name != name for name in names) or len(facts["result"]) != len(names):
            raise ValueError("its maps are not files beside it, one for each page")
        for name in ("input", "output"):
            str(facts[name]["sha256"])
        dict(facts["machine"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"cannot read '{path}' as a receipt: {error}") from None
    return facts


def _in_short(profile: NoiseProfile | None) -> dict[str, float] | None:
    """The model of a noise profile."""
    names = ("gain", "read_noise", "black", "correlation", "level", "uncertainty")
    return None if profile is None else {name: float(getattr(profile, name)) for name in names}
