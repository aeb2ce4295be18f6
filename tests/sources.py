"""Where the package's modules stand."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {"pkn": "pkn", "pkn.filters": "filters", "pkn.nets": "nets"}  # not the links in pkn/


def modules(root=ROOT):
    """Module name -> file, in all folders of the package."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in sorted((root / folder).rglob("*.py")):
            inside = file.relative_to(root / folder)
            if any((root / folder / part).is_symlink() for part in inside.parents if part != Path(".")):
                continue
            parts = inside.with_suffix("").parts
            found[".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = file
    return found


MODULES = modules()
