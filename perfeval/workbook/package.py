"""An OOXML workbook as a package of parts (OPC): which part is what, and how parts point to each other.

Nothing is looked up by a customary file name: the workbook part, its sheets, styles and strings are found through
relationships and content types, as producers other than Excel name them as they like.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

from perfeval.record import record
from perfeval.workbook.archive import Archive
from perfeval.workbook.guard import LIMITS, BadWorkbook, Limits, parse_xml

__all__ = ["LIMITS", "BadWorkbook", "Limits", "Package", "Relationship", "SheetRef", "parse_xml"]

_TYPES_PART = "[Content_Types].xml"
_RELATIONSHIP_ID = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",  # ISO 29500 strict
)
# What a package is instead, by a word in its main content type.
_OTHER_KINDS = {"wordprocessingml": "Word 文档", "presentationml": "PowerPoint 演示文稿", "msword": "Word 文档"}
_TRUE = ("1", "true", "on")


@record(frozen=True, slots=True)
class Relationship:
    """One pointer from a part to another part or to an address outside."""

    id: str
    type: str  # as written: the last segment is the same in transitional and strict files
    target: str  # part name without leading "/", or the address outside
    external: bool

    @property
    def kind(self) -> str:
        """Last segment of the type: "worksheet", "drawing", "styles" …"""
        return self.type.rpartition("/")[2]


@record(frozen=True, slots=True)
class SheetRef:
    """One sheet as the workbook part lists it."""

    name: str
    state: str  # "visible" | "hidden" | "veryHidden"
    part: str
    rel_id: str
    sheet_id: int
    kind: str = "worksheet"  # or "chartsheet", "dialogsheet", "xlMacrosheet" …


class Package:
    """An OOXML workbook held as bytes; parts are inflated on demand, within limits."""

    __slots__ = (
        "_archive", "_related", "_types", "binary", "date1904", "macro_enabled", "names", "shared_strings_part",
        "sheets", "styles_part", "workbook_part",
    )  # fmt: skip

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._related: dict[str, tuple[Relationship, ...]] = {}  # by part
        self.names = archive.names
        self._types = _content_types(archive.read(_TYPES_PART)) if _TYPES_PART in archive else ({}, {})
        self.workbook_part = self._main_part()
        main_type = self.content_type(self.workbook_part) or ""
        for word, kind in _OTHER_KINDS.items():
            if word in main_type:
                raise BadWorkbook("TPL002", kind=kind)
        self.macro_enabled = "macroEnabled" in main_type
        self.binary = self.workbook_part.endswith(".bin")  # .xlsb: parts are records, not XML
        related = self.relationships(self.workbook_part)
        parts = {relation.kind: relation.target for relation in related if relation.target in archive}
        self.styles_part = parts.get("styles")
        self.shared_strings_part = parts.get("sharedStrings")
        content = archive.read(self.workbook_part)
        if self.binary:
            from perfeval.workbook.xlsb import sheet_list  # rare: loaded when such a file comes

            self.date1904, listed = sheet_list(content, self.workbook_part)
        else:
            self.date1904, listed = _workbook(content, self.workbook_part)
        by_id = {relation.id: relation for relation in related if not relation.external}
        self.sheets: tuple[SheetRef, ...] = tuple(
            SheetRef(name, state, by_id[rel_id].target, rel_id, sheet_id, by_id[rel_id].kind)
            for name, state, rel_id, sheet_id in listed
            if rel_id in by_id
        )

    @classmethod
    def open(cls, data: bytes) -> Package:
        """The package in `data`; BadWorkbook when it is none."""
        return cls(Archive(data))

    def read(self, name: str) -> bytes:
        """The inflated bytes of a part; KeyError when absent."""
        return self._archive.read(name)

    def __contains__(self, name: str) -> bool:
        return name in self._archive

    def relationships(self, part: str) -> tuple[Relationship, ...]:
        """What `part` points to ("" for the package itself); () when it has no relationships."""
        known = self._related.get(part)
        if known is None:
            folder, _, base = part.rpartition("/")
            name = f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels"
            listed = _relationships(self._archive.read(name), name, folder) if name in self._archive else ()
            known = self._related[part] = tuple(self._existing(relation) for relation in listed)
        return known

    def content_type(self, part: str) -> str | None:
        """The content type of a part, None when the package does not say."""
        defaults, overrides = self._types
        return overrides.get(part.lower()) or defaults.get(part.rpartition(".")[2].lower())

    def rebuilt(
        self, replaced: Mapping[str, bytes], removed: Container[str] = (), added: Sequence[tuple[str, bytes]] = ()
    ) -> bytes:
        """A new package: untouched members copied raw, replaced ones in place, added ones at the end."""
        return self._archive.rebuilt(replaced, removed, added)

    def _existing(self, relation: Relationship) -> Relationship:
        """`relation` with its target spelled as the member is: percent-encoded, or in another case, or neither."""
        if relation.external:
            return relation
        target = relation.target
        known = self._archive.resolve(target) or self._archive.resolve(unquote(target))
        return relation if known is None or known == target else _at(relation, known)

    def _main_part(self) -> str:
        for relation in self.relationships(""):
            if relation.kind == "officeDocument" and relation.target in self._archive:
                return relation.target
        for part, content_type in self._types[1].items():
            if ".main+xml" in content_type and "sheet" in content_type and part in self._archive:
                return self._archive.resolve(part) or part
        for name, kind in (("word/document.xml", "Word 文档"), ("ppt/presentation.xml", "PowerPoint 演示文稿")):
            if name in self._archive:
                raise BadWorkbook("TPL002", kind=kind)
        if "xl/workbook.xml" in self._archive:
            return "xl/workbook.xml"
        if _TYPES_PART not in self._archive and not any(name.startswith("xl/") for name in self.names):
            raise BadWorkbook("TPL002", kind="压缩包")
        raise BadWorkbook("TPL008", part="workbook.xml")


def _at(relation: Relationship, target: str) -> Relationship:
    return Relationship(relation.id, relation.type, target, relation.external)


# The small parts below are the same in hundreds of files of one batch: parsed once per content.


@lru_cache(maxsize=64)
def _content_types(data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Content types by extension and by part name, both in lower case."""
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for entry in parse_xml(data, _TYPES_PART):
        content_type = entry.get("ContentType", "")
        if extension := entry.get("Extension"):
            defaults[extension.lower()] = content_type
        elif part := entry.get("PartName"):
            overrides[part.lstrip("/").lower()] = content_type
    return defaults, overrides


@lru_cache(maxsize=256)
def _relationships(data: bytes, part: str, folder: str) -> tuple[Relationship, ...]:
    found = []
    for entry in parse_xml(data, part):
        target, external = entry.get("Target", ""), entry.get("TargetMode") == "External"
        if not external:
            target = _absolute(folder, target)
        found.append(Relationship(entry.get("Id", ""), entry.get("Type", ""), target, external))
    return tuple(found)


def _absolute(folder: str, target: str) -> str:
    """The part name a relationship of a part in `folder` means; it can never leave the package."""
    path = target.replace("\\", "/").partition("#")[0]
    return posixpath.normpath(path if path.startswith("/") else f"/{folder}/{path}").lstrip("/")


@lru_cache(maxsize=256)
def _workbook(data: bytes, part: str) -> tuple[bool, tuple[tuple[str, str, str, int], ...]]:
    """Whether dates count from 1904, and (name, state, relationship, id) of every sheet."""
    root = parse_xml(data, part)
    namespace = root.tag[: root.tag.rfind("}") + 1]
    properties = root.find(f"{namespace}workbookPr")
    date1904 = properties is not None and properties.get("date1904") in _TRUE
    listed = []
    for sheet in root.iterfind(f"{namespace}sheets/{namespace}sheet"):
        rel_id = next((value for key in _RELATIONSHIP_ID if (value := sheet.get(key))), "")
        number = sheet.get("sheetId", "")
        listed.append((sheet.get("name", ""), sheet.get("state", "visible"), rel_id, _whole(number)))
    return date1904, tuple(listed)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
