"""Receipts are replayed, and what was changed is found."""

import json

import dng
import numpy as np
import pytest
import zarr
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pkn import ParameterMaps
from pkn.io.images import ImageFile, read_image, write_image
from pkn.io.raw_files import read_developed

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


@pytest.fixture(params=[".tif", ".dng"])
def raw_done(run, tmp_path, request):
    """Of a raw file whose noise is estimated, and of one that says what it is."""
    source, target, receipt = (tmp_path / name for name in ("in.dng", f"out{request.param}", "r.json"))
    clean = dng.mosaic_of(dng.scene(80, 100))
    noise = [(0.002, 9e-6)] if request.param == ".tif" else None
    dng.write_dng(source, dng.exposed(clean, np.random.default_rng(0)), noise=noise)
    result = run("denoise", source, target, "--receipt", receipt)
    assert result.exit_code == 0, result.output
    return receipt, source, target


def test_raw_files(run, raw_done, tmp_path):
    receipt, source, target = raw_done
    result = run("verify", *raw_done)
    assert result.exit_code == 0, result.output
    assert "replay: bit for bit the same" in result.output
    assert "pixels: those of the output" in result.output
    run("denoise", source, tmp_path / f"plain{target.suffix}")  # a receipt changes nothing
    np.testing.assert_array_equal(read_developed(target), read_developed(tmp_path / f"plain{target.suffix}"))
    facts = json.loads(receipt.read_text())
    assert ("libraw" in facts["machine"], len(facts["maps"]), len(facts["result"])) == (True, 4, 1)
    told = target.suffix == ".tif"
    assert facts["noise"]["given"] is told
    gain = facts["noise"]["profile"]["G"]["gain"] if told else facts["noise"]["profile"]["gain"]
    assert gain == pytest.approx(0.002, rel=1e-3 if told else 0.5)
    maps = receipt.with_name("r-plane2.maps.npz")
    edited = ParameterMaps.load(maps)
    edited["blend_0"][...] = 1
    edited.save(maps)
    assert "doesn't hold: maps, replay, pixels" in run("verify", *raw_done).output


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_zarr_images(run, tmp_path, dtype):
    source, target, receipt = (tmp_path / name for name in ("in.zarr", "out.zarr", "r.json"))
    stack = (np.random.default_rng(0).normal(0.5, 0.1, (2, 90, 80)).clip(0, 1) * 4000).astype(dtype)
    zarr.create_array(source, data=stack, chunks=(1, 40, 50))
    result = run("denoise", source, target, "--receipt", receipt, "--sigma", 400)
    assert result.exit_code == 0, result.output
    result = run("verify", receipt, source, target)
    assert result.exit_code == 0, result.output
    assert "pixels: those of the output" in result.output
    zarr.open_array(target, mode="r+")[1, 3, 4] += 8
    result = run("verify", receipt, source, target)
    assert "1 values of the output differ, by 8 at most" in result.output
    assert "doesn't hold: output, pixels" in result.output
    zarr.open_array(source, mode="r+")[1, 3, 4] = 0
    result = run("verify", receipt, source)
    assert "1 of 2 planes differ" in result.output
    assert "doesn't hold: input, replay" in result.output


def test_zarr_images_that_maps_cannot_replay_are_refused(run, tmp_path):
    zarr.create_array(tmp_path / "in.zarr", data=np.zeros((40, 50)))
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", "--receipt", tmp_path / "r.json")
    assert "of a Zarr image of float64; expected uint8" in result.output
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", "--maps", tmp_path / "maps")
    assert "--maps or --report was given with a Zarr image" in result.output
    assert not (tmp_path / "out.zarr").exists()


def test_receipts_of_unknown_kinds_are_refused(run, done):
    facts = json.loads(done[0].read_text())
    done[0].write_text(json.dumps(facts | {"kind": "film"}))
    assert "it is of a 'film'; expected image, zarr, raw" in run("verify", *done).output
    del facts["kind"]  # as older versions wrote them
    done[0].write_text(json.dumps(facts))
    assert run("verify", *done).exit_code == 0
