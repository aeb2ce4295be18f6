"""Which file may import which.

_numba <- _border, _plug <- _window <- _filter <- each filter <- filters <- nets <- pkn
"""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOMES = {"pkn": "pkn", "pkn.filters": "filters", "pkn.nets": "nets"}
LAYERS = [
    {"_numba"},
    {"_border", "_plug", "_door"},
    {"_window"},
    {"_window_vjp", "_patches", "_patches_vjp"},
    {"_filter"},
]
SHARED = len(LAYERS)  # every filter, and what filters share


def modules():
    """Module name -> file, of the whole package; the folders of the parts, not the links to them."""
    found = {}
    for package, folder in HOMES.items():
        for file in (ROOT / folder).glob("*.py"):
            found[package if file.stem == "__init__" else f"{package}.{file.stem}"] = file
    return found


MODULES = modules()


def imports(file, on_loading=False):
    """Full names of what a file imports, wherever in it; `from a import b` gives a.b where that is a module.

    ``on_loading`` leaves out what waits in functions or is for type checkers.
    """
    tree = ast.parse(file.read_text())
    for node in tree.body if on_loading else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def inside(name, package):
    return name == package or name.startswith(package + ".")


def in_package(package):
    return [name for name in MODULES if inside(name, package)]


def layer(name):
    if name == "pkn.filters":
        return SHARED + 1
    stem = name.removeprefix("pkn.filters.")
    return next((rank for rank, stems in enumerate(LAYERS) if stem in stems), SHARED)


def test_all_parts_are_looked_at():
    assert {"pkn", "pkn.filters", "pkn.nets", "pkn.filters._numba", "pkn.filters.bilateral"} <= set(MODULES)
    assert "pkn.filters._window" in set(imports(MODULES["pkn.filters._filter"]))
    for stems in LAYERS:
        assert all(f"pkn.filters.{stem}" in MODULES for stem in stems)


@pytest.mark.parametrize("name", in_package("pkn.filters"))
def test_filters_import_only_numpy_numba_and_lower_layers(name):
    for imported in imports(MODULES[name]):
        if inside(imported, "pkn"):
            assert inside(imported, "pkn.filters"), f"{name} imports {imported}"
            # Layers go down; within one, files may share (the test below finds circles).
            assert layer(imported) <= layer(name), f"{name} imports {imported}"
            assert imported != "pkn.filters", f"{name} imports its own package"
        else:
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names | {"numpy", "numba", "llvmlite"}, f"{name} imports {imported}"


@pytest.mark.parametrize("name", in_package("pkn.nets"))
def test_nets_import_filters_but_no_verbs(name):
    for imported in imports(MODULES[name]):
        if inside(imported, "pkn"):
            assert inside(imported, "pkn.filters") or inside(imported, "pkn.nets"), f"{name} imports {imported}"


def test_no_circles():
    graph = {name: {i for i in imports(file, on_loading=True) if i in MODULES} for name, file in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_nobody_imports_bare_filters_or_nets():
    folders = ("filters", "nets", "pkn", "tests", "examples", "benchmarks")
    files = [file for folder in folders for file in ROOT.glob(f"{folder}/*.py")]
    assert len(files) > 20
    for file in files:
        for imported in imports(file):
            assert imported.split(".")[0] not in ("filters", "nets"), f"{file.name} imports {imported}"


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_pkn_is_light():
    code = (
        "import sys, time; start = time.perf_counter(); import pkn; took = time.perf_counter() - start;"
        "print(took, *({'torch', 'numba', 'matplotlib', 'PIL'} & set(sys.modules)))"
    )
    results = [run(code) for _ in range(5)]
    assert all(len(heavy) == 0 for _, *heavy in results)
    assert min(float(took) for took, *_ in results) < 0.3  # seconds; the best of five, for machines are busy


def test_filters_need_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; import pkn.filters;"
        "print([n for n in sys.modules if n.startswith(('torch.', 'pkn.nets', 'pkn.verbs'))])"
    )
    assert run(code) == ["[]"]


def test_triton_waits_for_a_gpu():
    code = (
        "import sys, torch; before = set(sys.modules); import pkn, pkn.filters, pkn.nets; pkn.nets.apply_filter;"
        "print([n for n in set(sys.modules) - before if n.split('.')[0] == 'triton'])"
    )
    assert run(code) == ["[]"]
