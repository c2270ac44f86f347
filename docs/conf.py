"""Sphinx's configuration of the site: ``sphinx-build -W -b html docs build/site``."""

from enum import Enum

from sphinx.application import Sphinx

import scardffi

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


def _explain_number(_app: Sphinx, _what: str, _name: str, member: object, _options: object, lines: list[str]) -> None:
    """Write the number of a member of an enumeration in hexadecimal too, and what a return code means."""
    if isinstance(member, scardffi.ReturnCode):
        known = scardffi.errors.lookup(member)
        lines[:] = [f"0x{member:08X}: {known.meaning}. {known.remedy}", ""]
    elif isinstance(member, int) and isinstance(member, Enum):
        lines[:0] = [f"0x{member:04X}.", ""]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx's events."""
    app.connect("autodoc-process-docstring", _explain_number)
