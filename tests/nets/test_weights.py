"""Weights files: round trips, and bad or hostile files, which are rejected in one line and run no code."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save

from pkn.filters import Bilateral
from pkn.nets import MapNet, load_net, read_header
from pkn.nets.map_net.network import weights_of
from pkn.nets.weights import to_bytes, to_config


@pytest.fixture
def net():
    torch.manual_seed(0)
    return MapNet(Bilateral(2), 1, width=4, depth=2)


def write(path, net, tensors=None, header=None):
    tensors = net.state_dict() if tensors is None else tensors
    header = {"architecture": to_config(net.architecture), "about": {}} if header is None else header
    path.write_bytes(save(tensors, {"pkn": json.dumps(header)}))
    return path


def test_round_trip(tmp_path, net):
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(to_config(net.architecture), weights_of(net), {"seed": 7}))
    again = load_net(path)
    image = torch.rand(1, 1, 9, 10)
    assert read_header(path)["about"] == {"seed": 7}
    assert again.filter == net.filter
    assert torch.equal(again.denoise(image), net.denoise(image))


def with_settings(net, **tensors):
    return {**net.state_dict(), **tensors}


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        (
            r"\['heads.0.bias'\] are missing and \[\] unexpected; expected",
            lambda net: {k: v for k, v in net.state_dict().items() if k != "heads.0.bias"},
        ),
        (
            r"\[\] are missing and \['extra'\] unexpected; expected",
            lambda net: with_settings(net, extra=torch.zeros(1)),
        ),
        ("expected float32 of shape", lambda net: with_settings(net, **{"heads.0.bias": torch.zeros(3)})),
        ("expected float32 of shape", lambda net: with_settings(net, **{"heads.0.bias": torch.zeros(2).double()})),
        ("not finite", lambda net: with_settings(net, **{"heads.0.bias": torch.tensor([0.0, float("nan")])})),
        ("not finite", lambda net: with_settings(net, **{"heads.0.bias": torch.tensor([0.0, float("inf")])})),
    ],
)
def test_wrong_tensors_are_refused(tmp_path, net, name, tensors):
    with pytest.raises(ValueError, match=name):
        load_net(write(tmp_path / "x.safetensors", net, tensors(net)))


@pytest.mark.parametrize(
    "change",
    [
        {"network": "Other"},
        {"filter": {"name": "Nothing"}},
        {"filter": {"name": "Bilateral", "radius": 10**9, "border": "reflect"}},
        {"filter": {"name": "Bilateral", "radius": 2, "border": "elsewhere"}},
        {"width": 10**6},
        {"width": -3},
        {"width": 1.5},
        {"depth": 0},
        {"channels": "3"},
        {"surprise": 1},
        {"ranges": {"sigma_space": [0.1, 5.0], "sigma_range": [0.01, 1.0]}},
        {"down": 0},
    ],
)
def test_an_architecture_that_cannot_be_is_refused(tmp_path, net, change):
    header = {"architecture": {**to_config(net.architecture), **change}, "about": {}}
    with pytest.raises(ValueError, match=r"cannot load .* as weights"):
        load_net(write(tmp_path / "x.safetensors", net, header=header))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2 << 20) + b" " * (2 << 20),
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"nope",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        save({"a": torch.zeros(1)}),
        save({"a": torch.zeros(1)}, {"pkn": "[]"}),
        save({"a": torch.zeros(1)}, {"pkn": '{"architecture": [], "about": {}}'}),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_what_is_no_weights_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot load .* as weights"):
        load_net(path)


def test_a_truncated_file_is_refused_at_every_length(tmp_path, net):
    whole = to_bytes(to_config(net.architecture), weights_of(net), {})
    path = tmp_path / "x.safetensors"
    for size in np.linspace(0, len(whole) - 1, 40, dtype=int):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cannot load .* as weights"):
            load_net(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    path = tmp_path / "x.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="cannot load"):
        load_net(path)
    torch.save({"a": Bomb()}, path)
    with pytest.raises(ValueError, match="cannot load"):
        load_net(path)
    assert not (tmp_path / "boom").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        load_net(tmp_path / "gone.safetensors")
