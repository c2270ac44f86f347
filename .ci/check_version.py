"""Check that the version of the package, the newest heading of the changelog and, if given, the tag agree."""

import re
import sys
from pathlib import Path

root = Path(__file__).parent.parent
found = re.search(
    r'^__version__ = "(.+)"$', (root / "scardffi" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
)
if found is None:
    sys.exit("scardffi/__init__.py has no __version__")
version = found[1]
headings = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
released = [heading for heading in headings if heading != "Unreleased"]
if released[:1] != [version]:
    sys.exit(f"the version is {version}, but the newest heading of CHANGELOG.md is {released[:1]}")
if len(sys.argv) > 1 and sys.argv[1] != f"v{version}":
    sys.exit(f"the tag is {sys.argv[1]}, but the version is {version}")
if len(sys.argv) > 1 and "Unreleased" in headings:
    sys.exit("CHANGELOG.md still has the heading Unreleased")
