"""Regular expressions that are compiled when they are first used.

One file meets a third of those that the program knows, and compiling the rest took as long as all the work on it.
To a type checker `lazy_pattern` *is* `re.compile`; what it gives costs no more to use. It is not what `match.re` names.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

__all__ = ["lazy_pattern"]

if TYPE_CHECKING:
    from re import compile as lazy_pattern
else:

    class lazy_pattern:
        """Has every method of the expression, each from when it was first asked for."""

        def __init__(self, text: str | bytes, flags: int = 0) -> None:
            self._text = text
            self._flags = flags

        @cached_property
        def _compiled(self) -> re.Pattern[Any]:
            return re.compile(self._text, self._flags)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            found = getattr(self._compiled, name)
            setattr(self, name, found)
            return found
