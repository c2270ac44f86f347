"""Sphinx's configuration of the site: ``sphinx-build -W -b html docs build/site``."""

from pathlib import Path
from typing import TYPE_CHECKING

import scardffi

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

project = "scardffi"
author = "The scardffi developers"
version = release = scardffi.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"  # it loads nothing from the network, and has a dark form and one for telephones
html_title = f"scardffi {version}"
html_static_path = ["pictures"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # the summaries are fetched, which a browser refuses for files

myst_heading_anchors = 4
myst_fence_as_directive = []

autodoc_default_options = {"members": True, "inherited-members": "Exception,int,tuple,str,object", "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
napoleon_use_rtype = False
napoleon_preprocess_types = False
napoleon_use_ivar = True


def link_to_folder(
    _app: object, _environment: object, reference: "nodes.Element", text: "nodes.Element"
) -> "nodes.Element | None":
    """Show the text of a link to a folder of the repository, which the site does not have, without a link."""
    page = Path(__file__).parent / reference["refdoc"]
    return text if (page.parent / reference.get("reftarget", "")).is_dir() else None


def setup(app: "Sphinx") -> None:
    """Connect the functions above."""
    app.connect("missing-reference", link_to_folder)
