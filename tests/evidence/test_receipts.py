"""Receipts are replayed, and what was changed is found."""

import json

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pkn.io.images import ImageFile, read_image, write_image

NOISY = (100 + 20 * np.random.default_rng(0).standard_normal((64, 80, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def keys(tmp_path):
    private = Ed25519PrivateKey.generate()
    paths = tmp_path / "private.pem", tmp_path / "public.pem"
    plain = serialization.NoEncryption()
    paths[0].write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    paths[1].write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return paths


@pytest.fixture
def done(run, tmp_path, keys):
    """Paths of a receipt, an input and an output, of a signed run."""
    source, target, receipt = (tmp_path / name for name in ("noisy.png", "clean.png", "r.json"))
    write_image(source, ImageFile((NOISY,)))
    result = run("denoise", source, target, "--receipt", receipt, "--key", keys[0])
    assert result.exit_code == 0, result.output
    return receipt, source, target


def test_a_receipt_holds(run, done, keys):
    facts = json.loads(done[0].read_text())
    assert facts["network"]["name"] == "any-noise"
    assert len(facts["network"]["sha256"]) == 64
    assert facts["noise"]["profile"]["level"] == pytest.approx(20 / 255, rel=0.1)
    result = run("verify", *done, "--key", keys[1])
    assert result.exit_code == 0, result.output
    assert "NO" not in result.output
    assert "replay: bit for bit the same" in result.output
    assert "signature: of this key" in result.output
    assert "signed; give the public key" in run("verify", *done).output


def test_a_changed_pixel_is_found(run, done):
    _, _, target = done
    pixels = read_image(target).pages[0].copy()
    pixels[3, 4, 1] ^= 8
    write_image(target, ImageFile((pixels,)))
    result = run("verify", *done)
    assert result.exit_code == 1
    assert "1 values of the output differ, by 8 at most" in result.output
    assert "doesn't hold: output, pixels" in result.output
    assert "yes  replay" in result.output


def test_changed_inputs_maps_and_receipts_are_found(run, done, keys):
    receipt, source, _ = done
    maps = receipt.with_name("r.maps.npz")
    kept = maps.read_bytes()
    from pkn import ParameterMaps

    edited = ParameterMaps.load(maps)
    edited["luma_blend_0"][...] = 1
    edited.save(maps)
    result = run("verify", *done)
    assert "doesn't hold: maps, replay, pixels" in result.output
    maps.write_bytes(kept)
    facts = json.loads(receipt.read_text())
    receipt.write_text(json.dumps(facts | {"options": {"strength": 2.0}}))
    assert (
        "NO   signature: not of this key, or the receipt was changed" in run("verify", *done, "--key", keys[1]).output
    )
    receipt.write_text(json.dumps(facts))
    pixels = NOISY.copy()
    pixels[0, 0] ^= 64
    write_image(source, ImageFile((pixels,)))
    assert "doesn't hold: input, replay" in run("verify", receipt, source).output


def test_pages_and_transparency(run, tmp_path):
    alpha = np.full((64, 80), 255, np.uint8)
    alpha[:8] = 0
    pages = tuple(NOISY[..., channel] for channel in range(2))
    for number, image in enumerate((ImageFile(pages), ImageFile((NOISY,), alpha=(alpha,)))):
        source, target, receipt = (tmp_path / f"{number}-{name}" for name in ("in.tif", "out.tif", "r.json"))
        write_image(source, image)
        assert run("denoise", source, target, "--receipt", receipt).exit_code == 0
        result = run("verify", receipt, source, target)
        assert result.exit_code == 0, result.output


def test_refusals(run, done, keys, tmp_path):
    receipt, source, target = done
    for arguments, message in (
        (("denoise", source, tmp_path / "b.png", "--key", keys[0]), "--key was given without --receipt"),
        (("denoise", source, tmp_path / "b.png", "--receipt", tmp_path / "b.json", "--key", keys[1]), "key is"),
        (("denoise", source, target, tmp_path / "many", "--receipt", tmp_path / "b.json"), "given with 2 images"),
        (("verify", receipt, source, target, "--key", source), "can't be read as PEM"),
        (("verify", keys[1], source), "as a receipt"),
    ):
        result = run(*arguments)
        assert (result.exit_code, message in result.output) == (1, True), result.output
    facts = json.loads(receipt.read_text())
    facts["maps"][0]["name"] = "../r.maps.npz"
    receipt.write_text(json.dumps(facts))
    assert "not files beside it" in run("verify", *done).output
