"""The public names of the package, and the form of its docstrings, read from the source."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import scardffi

PACKAGE = Path(scardffi.__file__).parent
SOURCES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])
QUESTION = re.compile(r"(What|How|Whether)\b")


class Definition(NamedTuple):
    """A module, class or function of the package."""

    name: str
    """Its dotted name below the package."""
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def is_public(self) -> bool:
        """True if no part of the name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


def inner_definitions(name: str, node: ast.AST) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            definition = Definition(f"{name}.{child.name}", child)
            yield definition
            if isinstance(child, ast.ClassDef):
                yield from inner_definitions(definition.name, child)
        elif isinstance(child, ast.If | ast.Try):
            yield from inner_definitions(name, child)


def definitions(path: Path) -> Iterator[Definition]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    yield Definition(name.replace("__init__", "package"), tree)
    yield from inner_definitions(name.replace("__init__", "package"), tree)


def attribute_docstrings(node: ast.AST) -> Iterator[str]:
    """Yield the strings that follow assignments."""
    for owner in ast.walk(node):
        statements = getattr(owner, "body", [])
        for before, after in itertools.pairwise(statements) if isinstance(statements, list) else []:
            if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                value = after.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def needs_docstring(definition: Definition) -> bool:
    """Return True for a public definition, except overloads, properties' setters and Python's special methods."""
    decorators = {ast.unparse(decorator) for decorator in getattr(definition.node, "decorator_list", [])}
    return (
        definition.is_public
        and not any(decorator == "overload" or decorator.endswith(".setter") for decorator in decorators)
        and not definition.name.endswith("__")
    )


all_sources = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


def test_dir_shows_exactly_the_public_names() -> None:
    assert sorted(dir(scardffi)) == sorted(scardffi.__all__)


@pytest.mark.parametrize("name", scardffi.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert hasattr(scardffi, name)


@all_sources
def test_every_public_definition_has_a_docstring(path: Path) -> None:
    assert [
        definition.name
        for definition in definitions(path)
        if needs_docstring(definition) and not ast.get_docstring(definition.node)
    ] == []


@all_sources
def test_no_docstring_begins_with_what_how_or_whether(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = [ast.get_docstring(definition.node) or "" for definition in definitions(path)]
    docstrings += attribute_docstrings(tree)
    assert [text for text in docstrings if QUESTION.match(text.strip())] == []
