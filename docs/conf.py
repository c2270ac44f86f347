"""Sphinx's configuration of the site: ``sphinx-build -W -b html docs build/site``."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING

from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

import scardffi

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "scardffi"
author = "The scardffi developers"
version = release = scardffi.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"  # it loads nothing from the network, and has a dark form and one for telephones
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"scardffi {version}"
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # the summaries are fetched, which a browser refuses for files

myst_heading_anchors = 4
myst_fence_as_directive = []

autodoc_default_options = {
    "members": True,
    "inherited-members": "Exception,int,tuple,str,object",
    "undoc-members": True,
}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
napoleon_use_rtype = False
napoleon_preprocess_types = False
napoleon_use_ivar = True


def setup(app: Sphinx) -> None:
    """Correct what autodoc and napoleon make of the docstrings of constants, attributes and properties."""
    explain_return_codes()
    app.connect("autodoc-process-docstring", docstring_of_data, priority=300)
    app.connect("autodoc-process-docstring", keep_first_colon, priority=400)
    app.connect("autodoc-process-docstring", explain_number, priority=600)  # napoleon has 500


def docstring_of_data(_app: Sphinx, kind: str, name: str, value: object, _options: object, lines: list[str]) -> None:
    """Give a constant the docstring from the module that defines it; autodoc would show that of its class, int."""
    if kind != "data":
        return
    module_name, _, last = name.rpartition(".")
    modules = [one for one in sorted(sys.modules) if one.startswith(module_name.partition(".")[0])]
    for module in sorted(modules, key=lambda one: one != module_name):
        if vars(sys.modules[module]).get(last) is value:
            try:
                found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", last))
            except PycodeError:  # a module in C
                continue
            if found:
                lines[:] = found
                return
    lines.clear()


def keep_first_colon(_app: Sphinx, kind: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """End the line after the first colon; napoleon would take the words before it for a type."""
    if kind in {"attribute", "data", "property"} and lines:
        before, colon, after = lines[0].partition(": ")
        lines[:1] = [f"{before}:", after] if colon else lines[:1]


def explain_number(_app: Sphinx, kind: str, name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Write the number of a member of an enumeration in hexadecimal too, and what a return code means."""
    above, _, last = name.rpartition(".")
    module, _, owner = above.rpartition(".")
    member = getattr(getattr(sys.modules.get(module), owner, None), last, None)
    if kind == "data" and last in scardffi.ReturnCode.__members__:
        lines[:] = explained(scardffi.ReturnCode[last])
    elif kind == "attribute" and isinstance(member, int) and isinstance(member, Enum):
        lines[:0] = [f"0x{member:04X}.", ""] if not isinstance(member, scardffi.ReturnCode) else []


def explained(code: scardffi.ReturnCode) -> list[str]:
    """Return the lines of a docstring: number, meaning and remedy of a return code."""
    known = scardffi.errors.lookup(code)
    return [f"0x{code:08X}: {known.meaning}. {known.remedy}", ""]


def explain_return_codes() -> None:
    """Give each return code a docstring. Sphinx asks nobody about members that have none in the source."""
    analyzer = ModuleAnalyzer.for_module("scardffi.constants")
    docstrings = analyzer.find_attr_docs()
    for name, code in scardffi.ReturnCode.__members__.items():
        docstrings["ReturnCode", name] = explained(code)
