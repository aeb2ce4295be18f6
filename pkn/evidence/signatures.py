"""Signatures of facts, Ed25519 (RFC 8032) by the package ``cryptography``."""

import json
from pathlib import Path
from typing import Any

from pkn.version import missing

SIGNATURE = "signature"


def check_key(path: str | Path) -> None:
    """Raise ValueError if a file isn't a private key to sign with, or the package for it is missing."""
    _load_key(Path(path), private=True)


def sign(facts: dict[str, Any], key: Path) -> str:
    """The signature of facts as JSON represents them, by a private key in PEM."""
    signature: bytes = _load_key(key, private=True).sign(_signed_part(facts))
    return signature.hex()


def is_signed(facts: dict[str, Any], key: Path) -> bool:
    """Whether the signature among the facts is one of them by the owner of a public key in PEM."""
    public = _load_key(key, private=False)
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(bytes.fromhex(facts[SIGNATURE]), _signed_part(facts))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


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
