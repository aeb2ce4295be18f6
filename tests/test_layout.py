"""Which file may import which: rooms stand on floors, and imports go down.

filters <- nets <- {pretrained, io, motion} <- {degradations, plotting} <- {restoration, sampling} <- wavelets
<- training <- {evidence, evaluation} <- view <- {napari, cli}
"""

import ast
import graphlib
import subprocess
import sys

import pytest
from sources import MODULES, ROOT

FLOORS = [
    {"version"},
    {"filters"},
    {"nets"},
    {"pretrained", "io", "motion"},
    {"degradations", "plotting"},
    {"restoration", "sampling"},
    {"wavelets"},
    {"training"},
    {"evidence", "evaluation"},
    {"view"},
    {"napari", "cli"},
    {"", "__main__"},  # the face: pkn/__init__.py, and python -m pkn
]
ENGINE = [  # floors inside filters; what is not named stands above them
    {"engine.compile"},
    {"engine.math", "engine.threads", "engine.memory", "engine.quantiles"},
    {"engine.borders", "engine.dispatch", "engine.pyramid_levels", "engine.output_grid", "arrays"},
    {"engine.window", "engine.patches", "engine.resampling"},
    {"engine.window_vjp", "engine.patches_vjp", "engine.resampling_vjp"},
    {"base"},
]
FACES = {("pkn.nets", "pkn.restoration.torch_module")}  # shows Denoiser from above, by name, when it is asked for


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


def ours(name):
    return name == "pkn" or name.startswith("pkn.")


def room(name):
    """The room of a module: its first name below pkn, or "" for the face."""
    return name.removeprefix("pkn").removeprefix(".").split(".")[0]


def floor(name, floors=FLOORS):
    found = [number for number, rooms in enumerate(floors) if room(name) in rooms]
    assert found, f"{name} is in no room that the layout knows"
    return found[0]


def complaints(name, file):
    """What is wrong with a file's imports."""
    for imported in filter(ours, imports(file)):
        if room(imported) != room(name) and (name, imported) not in FACES:
            if floor(imported) >= floor(name):
                yield f"{name} imports {imported}, which is not below it"
            if any(part.startswith("_") for part in imported.split(".")):
                yield f"{name} imports {imported}, which is private to another room"


def test_all_rooms_are_walked():
    rooms = {room(name) for name in MODULES}
    assert rooms == set().union(*FLOORS)
    assert len(MODULES) > 150
    assert "pkn.filters.engine.window" in MODULES
    assert "pkn.restoration.denoising" in set(imports(MODULES["pkn.cli.denoise"]))  # a lazy import


@pytest.mark.parametrize("name", [name for name in MODULES if room(name)])
def test_imports_go_down(name):
    assert not list(complaints(name, MODULES[name]))


def test_the_face_imports_nothing_on_loading():
    assert set(imports(MODULES["pkn"], on_loading=True)) - {"pkn.version"} <= {"importlib", "typing"}


def test_the_test_can_fail(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("def late():\n    from pkn.cli.denoise import command\n    from pkn.nets._secret import key\n")
    found = list(complaints("pkn.io.bad", file))
    assert len(found) == 2
    assert "which is not below it" in found[0]
    assert "private to another room" in found[1]


def engine_floor(name):
    inside = name.removeprefix("pkn.filters").removeprefix(".")
    return next((rank for rank, names in enumerate(ENGINE) if inside in names), len(ENGINE))


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) == "filters"])
def test_filters_import_only_numpy_numba_and_lower_floors(name):
    for imported in imports(MODULES[name]):
        if ours(imported):
            assert engine_floor(imported) <= engine_floor(name), f"{name} imports {imported}"
            assert imported != "pkn.filters" or name == "pkn.filters", f"{name} imports its own package"
        else:
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names | {"numpy", "numba", "llvmlite"}, f"{name} imports {imported}"


def test_no_circles():
    graph = {name: {i for i in imports(file, on_loading=True) if i in MODULES} for name, file in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_no_callable_has_its_modules_name():
    for name, file in MODULES.items():
        defined = {
            node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        assert name.split(".")[-1] not in defined, name


def test_tests_import_no_test():
    for file in (ROOT / "tests").rglob("*.py"):
        for imported in imports(file):
            assert not imported.split(".")[-1].startswith("test_"), f"{file} imports {imported}"


def test_nobody_imports_bare_filters_or_nets():
    folders = ("filters", "nets", "pkn", "tests", "examples", "benchmarks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    for file in files:
        for imported in imports(file):
            assert imported.split(".")[0] not in ("filters", "nets"), f"{file.name} imports {imported}"


def run(code):
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_importing_pkn_is_light():
    code = (
        "import sys, time; start = time.process_time(); import pkn; took = time.process_time() - start;"
        "print(took, *({'torch', 'numba', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)))"
    )
    results = [run(code) for _ in range(5)]
    assert all(len(heavy) == 0 for _, *heavy in results)
    assert min(float(took) for took, *_ in results) < 0.05  # seconds; the best of five, for machines are busy


def test_denoising_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; import numpy as np, pkn; pkn.denoise(np.zeros((20, 20), 'f4'));"
        "print([n for n in sys.modules if n.startswith('torch.')])"
    )
    assert run(code) == ["[]"]


def test_triton_waits_for_a_gpu():
    code = (
        "import sys, torch; before = set(sys.modules); import pkn, pkn.filters, pkn.nets; pkn.nets.apply_filter;"
        "print([n for n in set(sys.modules) - before if n.split('.')[0] == 'triton'])"
    )
    assert run(code) == ["[]"]


def test_modules_load_where_no_process_can_fork():
    """As on Windows, which lacks these names; other libraries are loaded first, for they look for Windows itself."""
    apart = {"pkn.napari.panel"}  # loaded by napari alone, which isn't installed here
    names = sorted({name for name in MODULES if "triton" not in name and not name.endswith("__main__")} - apart)
    others = sorted({i.split(".")[0] for name in names for i in imports(MODULES[name], on_loading=True) if not ours(i)})
    code = f"""
import importlib, os, sys
for name in {[*others, "torch._dynamo"]}:
    importlib.import_module(name)
for name in ("register_at_fork", "fork", "getuid", "sched_getaffinity", "sysconf", "fchmod"):
    delattr(os, name)
for name in ("fcntl", "resource", "pwd"):
    sys.modules[name] = None
for name in {names}:
    importlib.import_module(name)
print("loaded")
"""
    assert run(code) == ["loaded"]
