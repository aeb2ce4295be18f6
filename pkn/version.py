"""Version and distribution: their one place."""

__version__ = "0.1.0"
DISTRIBUTION = "procedural-kernels"  # on the package index, where `pkn` is another project


def missing(package: str, purpose: str, extra: str) -> str:
    """What to say where an optional package isn't installed."""
    return f"{package} isn't installed; expected it for {purpose}: pip install '{DISTRIBUTION}[{extra}]'"
