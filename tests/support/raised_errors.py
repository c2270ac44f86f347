"""The exceptions that a function may raise, read from the source: its own ``raise`` and those of what it calls.

A call is followed if the source says what is called: a name of the module or imported in the function, a method of the
same object or class, a class. Not seen are the methods of other objects, special methods such as ``__enter__``,
exceptions in variables, and what Python and C code raise.
"""

import ast
import builtins
import contextlib
import importlib
import inspect
import sys
from collections.abc import Iterable
from functools import cache, cached_property
from types import FunctionType
from typing import Any, NamedTuple

from scardffi.compat.smartcard._failure import failing
from scardffi.errors import SCardError
from support.public_names import tree_of

OURS = ("scardffi", "pytest_scardffi")


class Raised(NamedTuple):
    """An exception that a function may raise."""

    kind: type[Exception]
    is_exact: bool
    """False if a function makes the exception, whose annotation may name a base class."""
    module: str
    """The module that raises it."""


class Call(NamedTuple):
    """A function that is called, and the class of the object."""

    function: FunctionType
    owner: type | None


def function_of(value: object) -> FunctionType | None:
    """Return the function of scardffi in a method, a property or a decorated function; None for other objects."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, staticmethod | classmethod):
        value = value.__func__
    value = inspect.unwrap(value) if callable(value) else None
    return value if isinstance(value, FunctionType) and value.__module__.startswith(OURS) else None


def call_of(value: object, owner: type | None = None) -> Call | None:
    """Return what runs when something is called: a function, or the ``__init__`` of a class."""
    if inspect.isclass(value):
        if issubclass(value, BaseException):
            return None  # it is made to be raised
        owner, value = value, inspect.getattr_static(value, "__init__", None)
    function = function_of(value)
    return None if function is None else Call(function, owner)


@cache
def functions_of(module: str) -> dict[int, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions of a module by their first lines; a decorator is the first line of its function."""
    nodes = [one for one in ast.walk(tree_of(module)) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {min([one, *one.decorator_list], key=lambda line: line.lineno).lineno: one for one in nodes}


@cache
def raised(call: Call) -> set[Raised]:
    """Return the exceptions that leave a function. A call that leads back to the function adds none."""
    node = functions_of(call.function.__module__).get(call.function.__code__.co_firstlineno)
    if node is None or call in _RUNNING:  # it was made at run time, or is a lambda
        return set()
    _RUNNING.add(call)
    try:
        return _Reader(call).of(node.body)
    finally:
        _RUNNING.remove(call)


_RUNNING: set[Call] = set()


class _Reader:
    """Reads the statements of one function."""

    def __init__(self, call: Call) -> None:
        function, self._owner = call
        self._module = function.__module__
        self._names: dict[str, Any] = {**vars(builtins), **function.__globals__}
        closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self._names |= {name: cell.cell_contents for name, cell in closure}

    def of(self, nodes: Iterable[ast.AST]) -> set[Raised]:
        """Return the exceptions that leave statements or expressions."""
        return set().union(*map(self._of_node, nodes))

    def _of_node(self, node: ast.AST) -> set[Raised]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            return set()  # it runs later
        if isinstance(node, ast.Try):
            return self._of_try(node)
        if isinstance(node, ast.With):
            return self._of_with(node)
        if isinstance(node, ast.ImportFrom):
            self._import(node)
        found = self.of(ast.iter_child_nodes(node))
        if isinstance(node, ast.Raise) and node.exc is not None:
            found |= self._made_by(node.exc)
        elif isinstance(node, ast.Call) and (called := self._called(node.func)) is not None:
            found |= raised(called)
        return found

    def _of_try(self, node: ast.Try) -> set[Raised]:
        found = self.of(node.body)
        for handler in node.handlers:
            if not any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(handler)):
                found = self._without(found, [handler.type] if handler.type else [])
            found |= self.of(handler.body)
        return found | self.of(node.orelse) | self.of(node.finalbody)

    def _of_with(self, node: ast.With) -> set[Raised]:
        found = self.of(node.body)
        for manager in reversed([item.context_expr for item in node.items]):
            function = self._value(manager.func) if isinstance(manager, ast.Call) else None
            if isinstance(manager, ast.Call) and function is contextlib.suppress:
                found = self._without(found, manager.args)
            elif function is failing:
                found = {one for one in found if not issubclass(one.kind, SCardError)}
            found |= self.of([manager])
        return found

    def _without(self, found: set[Raised], caught: list[ast.expr]) -> set[Raised]:
        values = [self._value(part) for one in caught for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
        kinds = tuple(value for value in values if inspect.isclass(value))
        return {one for one in found if not issubclass(one.kind, kinds)}

    def _import(self, node: ast.ImportFrom) -> None:
        module = importlib.import_module("." * node.level + (node.module or ""), self._names["__package__"] or None)
        self._names |= {one.asname or one.name: getattr(module, one.name, None) for one in node.names}

    def _made_by(self, node: ast.expr) -> set[Raised]:
        """Return the exception of a ``raise``: a class, or what a function returns."""
        value = self._value(node.func if isinstance(node, ast.Call) else node)
        is_exact, function = inspect.isclass(value), function_of(value)
        if function is not None:
            name = function.__annotations__.get("return")
            value = vars(sys.modules[function.__module__]).get(name, name) if isinstance(name, str) else name
        if inspect.isclass(value) and issubclass(value, Exception):
            return {Raised(value, is_exact, self._module)}
        return set()

    def _called(self, node: ast.expr) -> Call | None:
        owner = None
        if isinstance(node, ast.Attribute):
            value = self._owner if _is_self(node.value) else self._value(node.value)
            owner = value if inspect.isclass(value) else None
        return call_of(self._value(node), owner)

    def _value(self, node: ast.expr) -> object:
        """Return what an expression is; None if the source does not say it."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        if _is_self(node.value):
            return inspect.getattr_static(self._owner, node.attr, None)
        value = self._value(node.value)
        return getattr(value, node.attr, None) if inspect.ismodule(value) or inspect.isclass(value) else None


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}
