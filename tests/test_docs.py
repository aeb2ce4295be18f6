"""Examples that can't rot: those of every public name, and every code block of README.md and docs/."""

import doctest
import importlib
import json
import pkgutil
import re
import shlex

import numpy as np
import pytest
import torch
from folders import our_folder
from sources import MODULES, ROOT

import pkn
import pkn.filters
import pkn.nets
from pkn.cli import main
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings
from pkn.wavelets.models import WaveletModel

BUILT = {"_build", "gallery", "generated", "backreferences"}  # by `make docs`
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if not BUILT & set(page.relative_to(ROOT).parts)),
]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PUBLIC = [(package, name) for package in (pkn, pkn.filters, pkn.nets) for name in package.__all__ if name[0] != "_"]
CONSTANTS = ("FILTERS",)
LISTED = re.compile(r"^\.\. (?:currentmodule:: (\S+)|py:data:: (\S+))|^   (?!:)([\w.]+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
IMPORT = re.compile(r"^ *from (pkn\.\S+) import (.+)$", re.MULTILINE)
WITH_EXAMPLES = [name for name, file in MODULES.items() if ">>> " in file.read_text()]


def blocks(page, language):
    return [code for found, code in BLOCK.findall(page.read_text()) if found == language]


@pytest.mark.parametrize(("package", "name"), [p for p in PUBLIC if p[1] not in CONSTANTS], ids=lambda p: str(p))
def test_every_public_name_has_an_example(package, name):
    text = getattr(package, name).__doc__
    assert ">>> " in text
    assert "+SKIP" not in text


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_do_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 0
    assert failed == 0


def small_model(kernels):
    """A wavelet model of new weights, as a folder of ``pkn train-wavelet`` has it."""
    torch.manual_seed(0)
    if kernels:
        low, details = (BandKernels(BandKernelSettings(*ends, width=4, depth=1)) for ends in ((1, 1), (4, 3)))
    else:
        low, details = (BiasFreeCNN(BiasFreeSettings(*ends, 4, (3, 1, 3))) for ends in ((1, 1), (4, 3)))
    return WaveletModel(low.eval(), [details.eval()])


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    """The blocks of a page one after another, in a folder with the models that pages mention."""
    monkeypatch.chdir(tmp_path)
    our_folder(tmp_path / "DIR", small_model(kernels=False))
    our_folder(tmp_path / "KERNELS", small_model(kernels=True))
    names = {}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)


def commands():
    for page in PAGES:
        for code in blocks(page, "sh"):
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0].endswith("pkn"):
                    yield page.name, words[1:]


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=lambda value: str(value)[:60])
def test_commands_and_their_options_exist(page, words):
    name, *rest = words
    command = main.get_command(None, name)
    assert command is not None, f"{page} names the command {name}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("-") and not re.fullmatch(r"-?[\d.]+", word):
            assert word.split("=")[0] in known, f"{page}: pkn {name} has no {word}"


def test_the_guide_to_commands_names_all():
    text = (ROOT / "docs" / "command_line.md").read_text()
    for name in main.list_commands(None):
        assert f"pkn {name}" in text


def test_seeded_pages_are_not_empty():
    assert len(PAGES) > 8
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 6
    assert np.sum([1 for _ in commands()]) > 15


def listed():
    """Full names of all that the reference has a page or an entry of."""
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        module = ""
        for found, data, name in LISTED.findall(page.read_text()):
            module = found or module
            if name or data:
                yield f"{module}.{name or data}"


def test_every_public_name_is_in_the_reference():
    names = list(listed())
    assert len(names) == len(set(names))
    assert {f"{package.__name__}.{name}" for package, name in PUBLIC} <= set(names)


@pytest.mark.parametrize("name", list(listed()))
def test_what_the_reference_lists_exists_and_says_what_it_is(name):
    assert (pkgutil.resolve_name(name).__doc__ or "").strip()


def test_what_pages_and_examples_import_is_in_the_reference():
    texts = [page.read_text() for page in [*PAGES, *sorted((ROOT / "examples").glob("*.py"))]]
    imported = {
        f"{home}.{name}" for text in texts for home, names in IMPORT.findall(text) for name in names.split(", ")
    }
    assert len(imported) > 20
    pages = [pkgutil.resolve_name(name) for name in listed()]  # a name may be imported from where it is defined
    constants = {name for name in imported if name.rpartition(".")[2].isupper()}
    missing = {name for name in imported - constants if not any(pkgutil.resolve_name(name) is page for page in pages)}
    assert not missing


def anchors(page):
    """Those that GitHub and the site give to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", *NOTEBOOKS], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for file, anchor in LINK.findall(page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), f"{page.name} links to {file}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {file}#{anchor}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(notebook):
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 3
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
