"""The public names of scardffi: of its modules, and of the classes in them."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import scardffi

PACKAGE = Path(scardffi.__file__).parent
PROGRAMS = ("cli", "compat.on_path")
"""Modules that are programs or parts of one: no program imports them."""


class PublicName(NamedTuple):
    """A name that a program may use."""

    name: str
    """Its dotted name: module, class, name."""
    value: object
    """What it is; of a class's member what the class has under this name."""
    owner: type | None
    """The class, if it is a member."""


def module_names() -> list[str]:
    """Return the names of the modules that have no underscore in their names."""
    found = ["pytest_scardffi"]
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if not name.startswith(PROGRAMS) and not any(part.startswith("_") for part in name.split(".")):
            found.append(f"scardffi.{name}".rstrip("."))
    return found


@cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))


def names_of(module: ModuleType) -> list[str]:
    """Return the public names of a module: its ``__all__``, or what it defines without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    found = []
    for statement in tree_of(module.__name__).body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found += [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return [name for name in found if not name.startswith("_")]


def members_of(kind: type) -> dict[str, object]:
    """Return the public members that a class has from the classes of scardffi."""
    found: dict[str, object] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.partition(".")[0] in {"scardffi", "pytest_scardffi"}:
            names = {*vars(one), *inspect.get_annotations(one)}
            found |= {name: vars(one).get(name) for name in names if not name.startswith("_")}
    return found


def public_names() -> Iterator[PublicName]:
    """Yield each public name once for each module that has it, and the members of a class once."""
    seen = set()
    for module_name in module_names():
        module = importlib.import_module(module_name)
        for name in names_of(module):
            value = getattr(module, name)
            yield PublicName(f"{module_name}.{name}", value, None)
            if (
                inspect.isclass(value)
                and value.__module__.startswith(("scardffi", "pytest_scardffi"))
                and value not in seen
            ):
                seen.add(value)
                for member, what in members_of(value).items():
                    yield PublicName(f"{module_name}.{name}.{member}", what, value)
