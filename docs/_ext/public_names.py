"""Names as users know them: `pkn.denoise`, wherever it stands, and pages by their titles.

In docstrings a name that has no page is a plain word, but must exist.
"""

import pkgutil
import re
import sys
from collections import _tuplegetter  # type: ignore[attr-defined]
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import pkn
import pkn.filters
import pkn.nets


def without_fields(app: Sphinx, what: str, name: str, item: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, which their docstrings describe."""
    return True if isinstance(item, _tuplegetter) else None


def public_or_plain(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement) -> Any:
    """The page of a name that a docstring has in its short or inner form, or the bare name."""
    if node.get("refdomain") != "py":
        return None
    if node.get("in_text"):
        return nodes.literal(text=node["reftarget"])
    found = _found(node["reftarget"], node.get("py:module"), node.get("py:class"))
    if found is None:
        return None  # there is no such name: a warning
    for package in (pkn, pkn.filters, pkn.nets):
        name = getattr(found, "__name__", "")
        if name in package.__all__ and getattr(package, name) is found:
            domain = env.get_domain("py")
            full = f"{package.__name__}.{name}"
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, text)
    return text


def titles_for_files(app: Sphinx, document: nodes.document) -> None:
    """Links that are called like a file, for readers of the repository, get the title of the page."""
    for link in document.findall(pending_xref):
        if re.fullmatch(r"[\w/]+\.md", link.astext()):
            link["refexplicit"] = False


def linked_names(app: Sphinx, document: nodes.document) -> None:
    """Names such as `pkn.nets.MapNet` lead to their pages; in tables, which are narrow, their last part shows."""
    for name in list(document.findall(nodes.literal)):
        text = name.astext()
        parents = tuple(_parents(name))
        outside = not any(isinstance(parent, pending_xref | nodes.reference | nodes.title) for parent in parents)
        if outside and re.fullmatch(r"pkn(\.\w+)+", text):
            in_table = any(isinstance(parent, nodes.entry) for parent in parents)
            shown = text.rpartition(".")[2] if in_table and text.count(".") > 1 else text
            where = {"refdoc": app.env.docname, "refdomain": "py", "reftype": "obj", "reftarget": text}
            link = pending_xref("", nodes.literal(text=shown), refexplicit=True, refwarn=False, in_text=True, **where)
            name.replace_self(link)


def _parents(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        yield (node := node.parent)


def _found(target: str, module: str | None, owner: str | None) -> Any:
    """The object of that name: in its class, its module, by its full name, or in any module that is loaded."""
    loaded = [name for name in sys.modules if name.startswith("pkn")]
    for home in (f"{module}.{owner}" if owner else module, module, None, *loaded):
        try:
            return pkgutil.resolve_name(f"{home}.{target}" if home else target)
        except (AttributeError, ImportError, ValueError):
            continue
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", without_fields)
    app.connect("doctree-read", titles_for_files)
    app.connect("doctree-read", linked_names)
    app.connect("missing-reference", public_or_plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
