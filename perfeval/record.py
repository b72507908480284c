"""The decorator of the value types: quick to declare, quick to make.

To a type checker `record` *is* `dataclasses.dataclass`, and a field that is set later is an error. At run time two
things differ. Nobody guards the fields: `frozen=True` makes every construction five times as dear (it sets each field
through `object.__setattr__`), which was a twentieth of the whole job. And nothing is worked out before it is needed:
a dataclass looks into every field and compiles half a dozen functions when it is declared, a millisecond for each of
the hundred types that a single file passes through. Here a type that is made a few times is made without any code of
its own, and what `fields()` tells is found when somebody asks. `fields()`, `replace()` and `match` work as ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["record"]

T = TypeVar("T")
_FEW = 24  # constructions that cost less one by one than the code that would make them quick
_TOLD = ("__dataclass_fields__", "__dataclass_params__")

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(
        *, frozen: bool = False, eq: bool = True, repr: bool = True, slots: bool = False, weakref_slot: bool = False
    ) -> Callable[[type[T]], type[T]]:
        """`dataclass(…)` of the same arguments, whose fields nobody guards; a record extends no other one."""

        def made(kind: type[T]) -> type[T]:
            names = tuple(kind.__annotations__)
            given = {name: vars(kind)[name] for name in names if name in vars(kind)}
            if slots:
                kind = _with_slots(kind, names, ("__weakref__",) if weakref_slot else ())
            else:
                for name, value in given.items():
                    if isinstance(value, dataclasses.Field):
                        delattr(kind, name)
            kind.__match_args__ = names
            for name in _TOLD:
                setattr(kind, name, _Told(name, given))
            _make_at_first(kind, names, given)
            if repr:
                kind.__repr__ = _repr
            if eq:
                _at_first_call(kind, "__eq__", _eq)
                kind.__hash__ = None
                if frozen:
                    _at_first_call(kind, "__hash__", _hash)
            return kind

        return made


def _with_slots(kind: Any, names: tuple[str, ...], others: tuple[str, ...]) -> Any:
    """The same class again: slots can only be given to a class when it is made."""
    body = {name: value for name, value in vars(kind).items() if name not in (*names, "__dict__", "__weakref__")}
    body["__slots__"] = (*names, *others)
    again = type(kind)(kind.__name__, kind.__bases__, body)
    again.__qualname__ = kind.__qualname__
    return again


class _Told:
    """What the module `dataclasses` knows a type by, from a type of the same fields."""

    def __init__(self, name: str, given: dict[str, Any]) -> None:
        self._name = name
        self._given = given

    def __get__(self, _: object, kind: type) -> object:
        hints = vars(kind)["__annotations__"]
        fields = [(name, hint, self._given.get(name, dataclasses.field())) for name, hint in hints.items()]
        named = {"__doc__": kind.__name__}  # otherwise its signature is worked out
        plain = dataclasses.make_dataclass(kind.__name__, fields, init=False, repr=False, eq=False, namespace=named)
        for name in _TOLD:
            setattr(kind, name, getattr(plain, name))
        return getattr(kind, self._name)


Code = tuple[str, dict[str, Any]]  # of a function, and what it knows by name


def _at_first_call(kind: Any, name: str, code: Callable[[Any], Code]) -> None:
    """Let the method `name` of `kind` put the one in its place that it was asked to be."""

    def first(self: object, *values: object, **named: object) -> object:
        return _written(kind, name, *code(kind))(self, *values, **named)

    setattr(kind, name, first)


def _written(kind: Any, name: str, text: str, known: dict[str, Any]) -> Callable[..., object]:
    exec(text, known)  # noqa: S102 - made of names in our own code
    written: Callable[..., object] = known[name]
    written.__qualname__ = f"{kind.__qualname__}.{name}"
    setattr(kind, name, written)
    return written


def _make_at_first(kind: Any, names: tuple[str, ...], given: dict[str, Any]) -> None:
    """Let `kind` be made field by field the first few times; then, or where the values do not fit, by its own code."""
    factories: dict[str, Callable[[], Any]] = {}
    defaults: dict[str, Any] = {}
    for name, value in given.items():
        if not isinstance(value, dataclasses.Field):
            defaults[name] = value
        elif value.default_factory is not dataclasses.MISSING:
            factories[name] = value.default_factory
        elif value.default is not dataclasses.MISSING:
            defaults[name] = value.default
    known = len(names)
    made = 0

    def __init__(self: object, *values: object, **named: object) -> None:
        nonlocal made
        made += 1
        fields = {**defaults, **dict(zip(names, values, strict=False)), **named}
        for name, factory in factories.items():
            if name not in fields:
                fields[name] = factory()
        fits = len(values) <= known and fields.keys() == keys and named.keys().isdisjoint(names[: len(values)])
        if made > _FEW or not fits:
            _written(kind, "__init__", *_init(names, defaults, factories))(self, *values, **named)
            return
        for name, value in fields.items():
            setattr(self, name, value)

    keys = dict.fromkeys(names).keys()
    kind.__init__ = __init__


def _init(names: Iterable[str], defaults: dict[str, Any], factories: dict[str, Callable[[], Any]]) -> Code:
    known: dict[str, Any] = {"_unset": dataclasses.MISSING}
    taken, lines = ["self"], ["pass"]
    for name in names:
        value = name
        if name in factories:
            known[f"_new_{name}"] = factories[name]
            taken.append(f"{name}=_unset")
            value = f"_new_{name}() if {name} is _unset else {name}"
        elif name in defaults:
            known[f"_default_{name}"] = defaults[name]
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
    return f"({''.join(f'{owner}.{name}, ' for name in kind.__match_args__)})"


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
