"""The decorator of the value types: quick to declare, quick to make.

To a type checker `record` *is* `dataclasses.dataclass`, and a field that is set later is an error. At run time two
things differ. Nobody guards the fields: `frozen=True` makes every construction five times as dear (it sets each field
through `object.__setattr__`), which was a twentieth of the whole job. And no code is written before it is needed:
a dataclass compiles half a dozen functions when it is declared, a millisecond for each of the hundred types that a
single file passes through. Here each is written when it is first called. `fields()`, `replace()` and `match` work as
ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["record"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(
        *, frozen: bool = False, eq: bool = True, repr: bool = True, **slots: bool
    ) -> Callable[[type[T]], type[T]]:
        """`dataclass(frozen=frozen, eq=eq, repr=repr, **slots)` whose fields nobody guards."""

        def made(kind: type[T]) -> type[T]:
            kind = dataclasses.dataclass(init=False, repr=False, eq=False, **slots)(kind)
            _at_first_call(kind, "__init__", _init)
            if repr:
                kind.__repr__ = _repr
            if eq:
                _at_first_call(kind, "__eq__", _eq)
                kind.__hash__ = None
                if frozen:
                    _at_first_call(kind, "__hash__", _hash)
            return kind

        return made


Code = tuple[str, dict[str, Any]]  # of a function, and what it knows by name


def _at_first_call(kind: Any, name: str, code: Callable[[Any], Code]) -> None:
    """Let the method `name` of `kind` put the one in its place that it was asked to be."""

    def first(self: object, *values: object, **named: object) -> object:
        text, known = code(kind)
        exec(text, known)  # noqa: S102 - made of names in our own code
        written = known[name]
        written.__qualname__ = f"{kind.__qualname__}.{name}"
        setattr(kind, name, written)
        return written(self, *values, **named)

    setattr(kind, name, first)


def _init(kind: Any) -> Code:
    known: dict[str, Any] = {"_unset": dataclasses.MISSING}
    taken, lines = ["self"], ["pass"]
    for field in dataclasses.fields(kind):
        name, value = field.name, field.name
        if field.default_factory is not dataclasses.MISSING:
            known[f"_new_{name}"] = field.default_factory
            taken.append(f"{name}=_unset")
            value = f"_new_{name}() if {name} is _unset else {name}"
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            taken.append(f"{name}=_default_{name}")
        else:
            taken.append(name)
        lines.append(f"self.{name} = {value}")
    return f"def __init__({', '.join(taken)}):\n " + "\n ".join(lines), known


def _eq(kind: Any) -> Code:
    same = f"{_values(kind, 'self')} == {_values(kind, 'other')}"
    return f"def __eq__(self, other):\n return {same} if other.__class__ is self.__class__ else NotImplemented", {}


def _hash(kind: Any) -> Code:
    return f"def __hash__(self):\n return hash({_values(kind, 'self')})", {}


def _values(kind: Any, owner: str) -> str:
    return f"({''.join(f'{owner}.{field.name}, ' for field in dataclasses.fields(kind))})"


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
