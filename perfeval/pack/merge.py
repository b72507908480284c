"""`extends`: a pack that states only how it differs from another one.

How the two `rules.toml` are laid over each other:
- a rule, that is a table with its own `source`, is replaced as a whole; a section without `source` is laid over key
  by key;
- a list of named entries (groups, kinds, indicators, bands, grades) is what the extending pack writes, in its order;
  an entry keeps what it does not state from the entry of the same name. A list not written is kept;
- a key written as `false` is not taken over;
- `id`, `title`, `version` and `year` are never taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from perfeval.pack.table import Problems, did_you_mean, listed

__all__ = ["laid_over"]

_OWN = ("id", "title", "version", "year", "extends")
_NAMED = ("groups", "kinds", "indicators", "bands", "grades")
_UNSOURCED = ("name", "words", "printed", "source")  # an entry that states only these changes no number


def laid_over(base: Mapping[str, object], own: Mapping[str, object], problems: Problems) -> dict[str, object]:
    """The rules of `own` laid over those of `base`; numbers changed without a source are reported."""
    inherited = {key: value for key, value in base.items() if key not in _OWN}
    return _section(inherited, own, "", problems)


def _section(base: Mapping[str, object], own: Mapping[str, object], path: str, problems: Problems) -> dict[str, object]:
    merged = dict(base)
    for key, value in own.items():
        place = f"{path}.{key}" if path else key
        under = base.get(key)
        if value is False:
            if key not in base:  # a misspelt key would otherwise leave the rule in force without a word
                problems.add("PAK003", place, value=key, allowed=listed(base), hint=did_you_mean(key, base))
            merged.pop(key, None)
        elif key in _NAMED and _tables(value) and _tables(under):
            merged[key] = _entries(_as_tables(under), _as_tables(value), place, problems)
        elif isinstance(value, Mapping) and isinstance(under, Mapping) and "source" not in under:
            merged[key] = _section(under, value, place, problems)
        else:
            merged[key] = value
    return merged


def _entries(
    base: list[Mapping[str, object]], own: list[Mapping[str, object]], path: str, problems: Problems
) -> list[dict[str, object]]:
    known = {entry.get("name"): entry for entry in base}
    merged = []
    for entry in own:
        under = known.get(entry.get("name"), {})
        place = f"{path}.{entry.get('name')}"
        stated = [key for key in entry if key not in _UNSOURCED and key not in _NAMED and entry[key] is not False]
        if stated and "source" in under and "source" not in entry:
            problems.add("PAK014", f"{place}.{stated[0]}", value=stated[0])
        merged.append(_section(under, entry, place, problems))
    return merged


def _tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _as_tables(value: object) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", value)
