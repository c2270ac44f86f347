"""The imports between the modules of the package, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import scardffi

PACKAGE = Path(scardffi.__file__).parent
COMPILED = {"_native", "_calls"}
SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Each Python file by its dotted name below the package; the package itself is the empty name."""


def unit_of(module: str) -> str:
    """Return the unit of a module: the first part of its name below the package, or the package itself."""
    return module.partition(".")[0] or "scardffi"


UNITS = {unit_of(module) for module in SOURCES} | COMPILED


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield each import statement that can run, also inside functions; not those under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif is_type_checking(child):
            for other in getattr(child, "orelse", []):
                yield from run_time_imports(other)
        else:
            yield from run_time_imports(child)


def imported_by(path: Path, package: list[str]) -> Iterator[str]:
    """Yield the absolute name of each module that a file imports at run time. It is a file of the package."""
    for statement in run_time_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
            continue
        base = package[: len(package) - statement.level + 1] if statement.level else []
        source = ".".join([*base, *filter(None, [statement.module])])
        for alias in statement.names:
            below = f"{source}.{alias.name}"
            yield below if below.removeprefix("scardffi.") in {*SOURCES, *UNITS} else source


def imported(module: str) -> Iterator[str]:
    """Yield the absolute name of each module that a module of scardffi imports at run time."""
    path = SOURCES[module]
    package = ["scardffi", *module.split(".")] if module else ["scardffi"]
    if path.name != "__init__.py":
        package.pop()
    return imported_by(path, package)


def inner(names: Iterator[str]) -> set[str]:
    """Return those of the absolute names that are modules of scardffi, by their names below it; its own is empty."""
    return {name.removeprefix("scardffi").lstrip(".") for name in names if name.partition(".")[0] == "scardffi"}


def inner_imports(module: str) -> set[str]:
    """Return the modules of scardffi that a module of scardffi imports, by their names below it."""
    return inner(imported(module))
