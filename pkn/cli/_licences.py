"""What the bundled networks may be used for; NOTICE says it at length."""

LICENCE = "MIT"
TERMS = {  # by the names of data in weights' headers
    "simulated-volumes": "drawn by pkn; no terms",
    "bsds432": "BSDS500 without the 68 images of BSD68: non-commercial research and education",
    "gray400": "crops of BSDS500: non-commercial research and education",
    "mnist": "MNIST",
    "cifar10_20k": "CIFAR-10",
    "cats64": "Cats faces 64x64, published on Kaggle by spandan2: no terms known",
}


def terms_of(data: str) -> list[str]:
    """The terms of data sets that are named as in ``"bsds432, gray400"`` or ``"mnist.npz"``."""
    names = [name.strip().split(" ")[0].split(".")[0] for name in data.split(",")]
    return [f"{name}: {TERMS[name]}" for name in names if name in TERMS]
