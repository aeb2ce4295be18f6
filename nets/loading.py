"""Networks from a path or an address: what is loaded is the file that was asked for, by its SHA-256."""

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pkn.nets.map_net.predictor import load_predictor
from pkn.nets.weights import read_header
from pkn.version import missing


def load(source: str | Path, sha256: str | None = None, folder: str | Path | None = None) -> Any:
    """Load a network from a weights file or from an address, and hold it to a hash.

    Parameters
    ----------
    source : str or Path
        A ``.safetensors`` file, or an address that begins with ``https://`` or ``http://``: it is downloaded once and
        kept (by pooch: ``pip install 'procedural-kernels[download]'``).
    sha256 : str, optional
        The file's SHA-256, 64 hexadecimal digits, as ``pkn nets`` and model cards show it. An address has to have one;
        a file of one's own need not.
    folder : str or Path, optional
        Where downloads are kept; by default pooch's folder for pkn in the user's cache.

    Returns
    -------
    Predictor or torch.nn.Module
        A :class:`pkn.nets.Predictor`, which ``pkn.denoise(net=)`` takes, for a network of maps; for all others
        a restorer, in torch.

    Raises
    ------
    ValueError
        If the file has another hash or is no network, an address comes without a hash, or pooch isn't installed.
    OSError
        If the file can't be read, or not be downloaded.

    Examples
    --------
    >>> from pkn.nets import load
    >>> from pkn.nets.loading import sha256_of
    >>> from pkn.pretrained import weights_folder
    >>> path = weights_folder() / "bilateral-grey.safetensors"
    >>> load(path, sha256=sha256_of(path)).filter.ranges.keys()
    dict_keys(['sigma_space', 'sigma_range'])
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 is {sha256!r}; expected 64 hexadecimal digits")
    if str(source).startswith(("https://", "http://")):
        path = _downloaded(str(source), sha256, folder)
    elif "://" in str(source):
        raise ValueError(f"source is {source!r}; expected a path, or an address that begins with https:// or http://")
    else:
        path = Path(source)
        if sha256 is not None and (found := sha256_of(path)) != sha256.lower():
            raise ValueError(f"'{path}' has the SHA-256 {found}; expected {sha256.lower()}")
    network = read_header(path)["architecture"].get("network")
    if network == "MapNet":
        return load_predictor(path)
    from pkn.nets.registry import load_restorer

    return load_restorer(path)


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Examples
    --------
    >>> from pkn.nets.loading import sha256_of
    >>> from pkn.pretrained import weights_folder
    >>> len(sha256_of(weights_folder() / "bilateral-grey.safetensors"))
    64
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloaded(address: str, sha256: str | None, folder: str | Path | None) -> Path:
    if sha256 is None:
        raise ValueError(f"sha256 is None; expected the SHA-256 of what lies at {address!r}, from whoever published it")
    if not find_spec("pooch"):
        raise ValueError(missing("pooch", "networks from an address", "download"))
    import pooch

    digest, name = sha256.lower(), Path(urlsplit(address).path).name or "weights"
    place = Path(folder) if folder is not None else Path(pooch.os_cache("pkn"), "networks")
    try:  # the hash is checked each time, and the file is moved to its place when it is whole
        found = pooch.retrieve(address, f"sha256:{digest}", fname=f"{digest[:16]}-{name}", path=place)
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise ValueError(f"what lies at {address!r} has another SHA-256; expected {digest}") from None
    return Path(found)
