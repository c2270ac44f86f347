"""Drop the errors of finalizers while the interpreter is ending.

When the interpreter ends, Python sets the names in modules to None. If something keeps the modules alive, for example
in a frozen program, this happens before Python finalizes the objects that are still open. Then a function of the
package fails at the first name that it needs. This does no harm, because the end of the process closes everything.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect takes long


def silent_at_exit(function: _Function) -> _Function:
    """Decorate a function that Python may call while the interpreter is ending, and drop its errors then.

    It is for ``__del__``, and for ``__exit__`` and the generators of context managers: when Python ends, it closes
    suspended generators, and this ends their ``with`` statements.
    """
    is_ending = sys.is_finalizing  # a local name, because those of the module may be None then

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception:
            if not is_ending():
                raise

    @wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from function(*args, **kwargs)
        except Exception:
            if not is_ending():
                raise

    decorated: Any = generate if function.__code__.co_flags & _GENERATOR else call
    return decorated  # type: ignore[no-any-return]  # it has the type of the function
