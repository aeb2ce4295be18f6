"""Writes networks and wavelet models to weights files, for tests."""

from pkn.nets.registry import to_config
from pkn.nets.weights import to_bytes


def write(path, net):
    path.write_bytes(to_bytes(to_config(net), {name: v.numpy() for name, v in net.state_dict().items()}, {}))


def our_folder(folder, nets):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "low.safetensors", nets.low)
    for scale, net in enumerate(nets.details):
        write(folder / f"scale-{scale}.safetensors", net)
    return folder
