"""Relationships and content types: the two lists a package keeps about its parts, edited in place.

Both are edited as text, one entry at a time, and everything else keeps its bytes; what is added and later removed
leaves the list as it was. Entries of other programs are never rewritten.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache

from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.guard import BadWorkbook, plain_xml
from perfeval.workbook.sheetxml import RELATIONSHIPS, attribute, unescaped

__all__ = [
    "NewPart",
    "free_name",
    "relationships_part",
    "target_between",
    "with_content_types",
    "with_relationship",
    "without_relationships",
]

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_NO_RELATIONSHIPS = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Relationships xmlns="{_PACKAGE}/relationships">'
    "</Relationships>"
).encode()
_EMPTY_LIST = lazy_pattern(rb"<((?:[\w.-]+:)?)(Relationships|Types)(\s[^>]*?)/>")
_LIST_END = lazy_pattern(rb"</((?:[\w.-]+:)?)(?:Relationships|Types)\s*>")
_ENTRY = lazy_pattern(
    rb"<(?:[\w.-]+:)?(Relationship|Override|Default)\s(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(?:/>|>\s*</[^>]*>)"
)
_ATTRIBUTE = lazy_pattern(rb"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@record(frozen=True, slots=True)
class NewPart:
    """A part to be put into a package."""

    name: str
    data: bytes
    content_type: str | None = None  # None: one the package knows by extension (.rels)


def relationships_part(part: str) -> str:
    """The name of the part that lists what `part` points to ("" for the package itself)."""
    folder, _, base = part.rpartition("/")
    return f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels"


@lru_cache(maxsize=256)
def target_between(source: str, target: str) -> str:
    """How a relationship of `source` spells the part `target`: relative, as Excel does."""
    return posixpath.relpath("/" + target, "/" + posixpath.dirname(source))


def free_name(pattern: str, taken: Container[str], start: int = 1) -> str:
    """`pattern` with the first number from `start` on that gives a name nothing in `taken` has."""
    number = start
    while pattern.format(number) in taken:
        number += 1
    return pattern.format(number)


@lru_cache(maxsize=64)
def with_relationship(data: bytes | None, kind: str, target: str) -> tuple[bytes, str]:
    """The list with one relationship more, and its id. `kind` is the last segment of its type, or a whole type."""
    data = _NO_RELATIONSHIPS if data is None else plain_xml(data)
    rel_id = free_name("rId{}", {_attributes(entry).get("Id", "") for entry in _entries(data)})
    type_ = kind if ":" in kind else f"{RELATIONSHIPS}/{kind}"
    return _appended(data, f'Relationship Id="{rel_id}" Type="{type_}" Target="{attribute(target)}"'), rel_id


def without_relationships(data: bytes, ids: Container[str]) -> bytes | None:
    """The list without the relationships called `ids`; None when nothing is left."""
    left = 0

    def keep(entry: Mapping[str, str]) -> bool:
        nonlocal left
        kept = entry.get("Id") not in ids
        left += kept
        return kept

    data = _filtered(plain_xml(data), keep)
    return data if left else None


def with_content_types(data: bytes, removed: Iterable[str], added: Iterable[tuple[str, str]]) -> bytes:
    """`[Content_Types].xml` without the parts `removed` and with the (part, type) pairs `added`."""
    gone = frozenset("/" + part.lower() for part in removed)
    return _content_types(plain_xml(data), gone, tuple(added))


@lru_cache(maxsize=64)
def _content_types(data: bytes, gone: frozenset[str], added: tuple[tuple[str, str], ...]) -> bytes:
    wanted = {"/" + part.lower(): content_type for part, content_type in added}

    def keep(entry: Mapping[str, str]) -> bool:
        part = entry.get("PartName", "").lower()
        return part not in gone and wanted.get(part, entry.get("ContentType")) == entry.get("ContentType")

    data = _filtered(data, keep)
    present = {entry.get("PartName", "").lower() for entry in map(_attributes, _entries(data))}
    for part, content_type in added:
        if "/" + part.lower() not in present:
            data = _appended(data, f'Override PartName="/{attribute(part)}" ContentType="{attribute(content_type)}"')
    return data


def _appended(data: bytes, entry: str) -> bytes:
    data = _EMPTY_LIST.sub(rb"<\1\2\3></\1\2>", data)
    end = _LIST_END.search(data)
    if end is None:
        raise BadWorkbook("TPL012", part="[Content_Types].xml、.rels", detail="not a list of a package")
    return data[: end.start()] + b"<" + end[1] + entry.encode() + b"/>" + data[end.start() :]


def _filtered(data: bytes, keep: Callable[[Mapping[str, str]], bool]) -> bytes:
    return _ENTRY.sub(lambda match: match[0] if keep(_attributes(match[0])) else b"", data)


def _entries(data: bytes) -> Iterable[bytes]:
    return (match[0] for match in _ENTRY.finditer(data))


def _attributes(entry: bytes) -> Mapping[str, str]:
    return {
        match[1].decode(): unescaped((match[2] or match[3] or b"").decode("utf-8", "replace"))
        for match in _ATTRIBUTE.finditer(entry)
    }
