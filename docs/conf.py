"""The documentation site: `make docs` builds it, without a network and without a warning, into docs/_build/html."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]  # the folder above, so that a checkout need not be installed

import pkn  # noqa: E402

project = "pkn"
author = "the authors of pkn"
project_copyright = "the authors of pkn, MIT licence"
version = release = pkn.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "public_names",
    "mathml",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "gallery/*.ipynb", "gallery/*.py"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore = [("py:func", "scipy.ndimage.convolve")]

# Reference. Types are in the Parameters sections; signatures show names and defaults.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_inherit_docstrings = False  # what a class only overrides is described once, in its base class
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
add_module_names = False
toc_object_entries_show_parents = "hide"

# Pages in Markdown, and notebooks, which are kept without outputs and run here.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

# Examples that need data or a library which isn't there, or more than a minute, are shown without being run. (One that
# ends by sys.exit() for want of a library would end the build, without a word and with success.)
NOT_RUN = ("augment", "wavelet_denoise", "wavelet_inpainting", "wavelet_super_resolution")
NOT_RUN += tuple(
    example.stem
    for example in (HERE.parent / "examples").glob("*.py")
    if not all(map(find_spec, re.findall(r'find_spec\("(\w+)"\)', example.read_text())))
)
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/(?!({'|'.join(NOT_RUN)})\.py)[^/]+\.py$",
    "image_scrapers": ("gallery_pictures.pictures",),
    "reset_argv": "gallery_pictures.arguments",
    "reset_modules": ("matplotlib",),
    "within_subsection_order": "gallery_pictures.Order",
    "default_thumb_file": str(HERE / "_static" / "stack.svg"),
    "backreferences_dir": "api/backreferences",
    "doc_module": ("pkn",),
    "remove_config_comments": True,
    "download_all_examples": False,
    "notebook_extensions": set(),
    "show_memory": False,
    "show_signature": False,
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "pkn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "pkn"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "start": [], "benchmarks": []}
