"""What a user's type checker sees of the face, whose names are loaded late."""

import subprocess
import sys

import pytest
from sources import ROOT

ARRAY = "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
EXPRESSIONS = {
    "pkn.denoise(image)": ARRAY,
    "pkn.denoise(image, 'bilateral', stack_axes=0, dtype='same')": ARRAY,
    "pkn.denoise(anything)": "Any",  # may be a Dask array
    "pkn.deconvolve(image)": ARRAY,
    "pkn.upsample(image)": ARRAY,
    "pkn.predict_maps(image)": "pkn.restoration.parameter_maps.ParameterMaps",
    "pkn.predict_maps(image).apply(image)": ARRAY,
    "pkn.filters.Bilateral()(image, 1.0, 0.1)": ARRAY,
    "pkn.nets.load_predictor('a.safetensors')": "pkn.nets.map_net.predictor.Predictor",
}
SCRIPT = "from typing import Any\nimport numpy as np\nimport pkn\nimage, anything = np.zeros((8, 8)), [0.0]\n"
WITHOUT_TORCH = "[mypy]\nstrict = true\n[mypy-torch.*]\nfollow_imports = skip\nignore_missing_imports = true\n"


def revealed(folder, script, *options, config="[mypy]\nstrict = true\n"):
    """What mypy says of a script in a folder of its own, outside the clone."""
    (folder / "script.py").write_text(script)
    (folder / "mypy.ini").write_text(config)
    command = [sys.executable, "-m", "mypy", "script.py", "--no-incremental", *options]
    environment = {"MYPYPATH": "" if options else str(ROOT), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert not ran.stderr
    return [line.split(": ", 2)[-1] for line in ran.stdout.splitlines() if line.startswith("script.py")]


def test_results_have_types(tmp_path):
    pytest.importorskip("mypy")
    script = SCRIPT + "".join(f"reveal_type({expression})\n" for expression in EXPRESSIONS)
    config = WITHOUT_TORCH + "[mypy-pkn.*]\nignore_errors = true\n"
    lines = revealed(tmp_path, script + "pkn.denoise(image, stregth=1)\n", config=config)
    assert lines[: len(EXPRESSIONS)] == [f'Revealed type is "{kind}"' for kind in EXPRESSIONS.values()]
    assert 'did you mean "strength"?' in lines[len(EXPRESSIONS)]


@pytest.mark.slow
def test_types_are_found_in_an_editable_install(tmp_path):
    pytest.importorskip("mypy")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "--quiet", "install", "--no-deps", "--editable", ROOT], check=True)
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    (packages / "ours.pth").write_text(str(next(p for p in sys.path if p.endswith("site-packages"))))
    script = SCRIPT + "reveal_type(pkn.denoise(image))\nreveal_type(pkn.nets.Denoiser())\n"
    lines = revealed(tmp_path, script, "--python-executable", str(python))
    assert lines == [f'Revealed type is "{ARRAY}"', 'Revealed type is "pkn.restoration.torch_module.Denoiser"']
