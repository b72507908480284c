"""The decorator of the small value types that are made by the hundred for every workbook.

To a type checker `record` *is* `dataclasses.dataclass`, and a field that is set later is an error. At run time the
check is left out: `frozen=True` makes every construction five times as dear (it sets each field through
`object.__setattr__`), which was a twentieth of the whole job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["record"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
        """`dataclass(frozen=True, slots=True)` whose instances nobody guards: equal, hashable, with slots."""
        assert frozen, "a type whose fields change is a plain dataclass"
        return dataclasses.dataclass(slots=slots, unsafe_hash=True)
