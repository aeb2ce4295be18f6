"""Networks from a path or an address: only the file whose hash was given is loaded."""

import functools
import http.server
import threading

import numpy as np
import pytest

import pkn
from pkn.nets.loading import sha256_of
from pkn.pretrained import weights_folder

WEIGHTS = weights_folder() / "bilateral-grey.safetensors"
OTHER = "0" * 64


@pytest.fixture
def site(tmp_path):
    """A folder, the address it is served at on this machine, and what was asked for."""
    folder, asked = tmp_path / "site", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_an_address_is_downloaded_once_and_is_the_network(site, tmp_path):
    pytest.importorskip("pooch")
    folder, address, asked = site
    (folder / "net.safetensors").write_bytes(WEIGHTS.read_bytes())
    for _ in range(2):
        net = pkn.nets.load(f"{address}/net.safetensors", sha256=sha256_of(WEIGHTS), folder=tmp_path / "kept")
    assert len(asked) == 1
    image = np.random.default_rng(0).random((20, 24), np.float32)
    np.testing.assert_array_equal(pkn.denoise(image, net), pkn.denoise(image, "bilateral"))


def test_a_download_with_another_hash_is_refused_and_not_kept(site, tmp_path):
    pytest.importorskip("pooch")
    folder, address, _ = site
    (folder / "net.safetensors").write_bytes(WEIGHTS.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="has another SHA-256"):
        pkn.nets.load(f"{address}/net.safetensors", sha256=sha256_of(WEIGHTS), folder=tmp_path / "kept")
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_a_kept_file_that_was_changed_is_downloaded_again(site, tmp_path):
    pytest.importorskip("pooch")
    folder, address, asked = site
    (folder / "net.safetensors").write_bytes(WEIGHTS.read_bytes())
    load = functools.partial(pkn.nets.load, f"{address}/net.safetensors", sha256_of(WEIGHTS), tmp_path / "kept")
    load()
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(b"nonsense")
    load()
    assert kept.read_bytes() == WEIGHTS.read_bytes()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("source", "sha256", "message"),
    [
        ("https://example.org/net.safetensors", None, "sha256 is None; expected the SHA-256"),
        ("https://example.org/net.safetensors", "abc", "sha256 is 'abc'; expected 64"),
        ("ftp://example.org/net.safetensors", OTHER, "begins with https"),
        (WEIGHTS, OTHER, f"expected {OTHER}"),
    ],
)
def test_what_is_refused(source, sha256, message):
    with pytest.raises(ValueError, match=message):
        pkn.nets.load(source, sha256)


def test_a_path_needs_no_hash_and_capitals_are_taken():
    assert pkn.nets.load(WEIGHTS).filter == pkn.nets.load(WEIGHTS, sha256_of(WEIGHTS).upper()).filter


def test_a_restorer_is_loaded_too():
    pytest.importorskip("torch")
    assert type(pkn.nets.load(weights_folder() / "cold" / "mnist-blur.safetensors")).__name__ == "UNet"


def test_without_pooch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("pkn.nets.loading.find_spec", lambda _: None)
    with pytest.raises(ValueError, match="procedural-kernels\\[download\\]"):
        pkn.nets.load("https://example.org/net.safetensors", OTHER)
