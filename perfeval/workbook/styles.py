"""Cell formats: how the official look gets into a workbook that has a style sheet of its own.

The sheet we regenerate is formatted as in the pack's form, but it lives in the package of whoever sent it, whose
other sheets point into its style sheet by number. So the formats of the form are appended there and nothing that is
there is touched; what an equal entry already says is not said again, so filling a file twice appends nothing.

How that is done with each entry is in `perfeval.workbook.adopting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from perfeval.record import record
from perfeval.workbook.adopting import BLANK, Entries, Look, Source, Target
from perfeval.workbook.colours import Palette, indexed_colours, palette_change, theme_colours
from perfeval.workbook.digits import digit_pixels
from perfeval.workbook.package import Package, parse_xml

__all__ = ["Adoption", "StyleSheet"]

_CACHED_SIZE = 1 << 20  # larger style sheets are not kept in memory
_CACHED_ADOPTIONS = 16  # of one style sheet


@record(frozen=True, slots=True)
class Adoption:
    """A style sheet after taking in formats of another, and the numbers they have there."""

    data: bytes  # the very bytes of before when nothing had to be appended
    xf: Mapping[int, int]  # cell format of the other sheet → of this one
    dxf: Mapping[int, int]  # differential format (of conditional formats) likewise
    looks: Mapping[Look, int]  # variant of a cell format of the other sheet → of this one


class StyleSheet:
    """A style sheet: `styles.xml` with the colours of the workbook's theme."""

    __slots__ = ("_adoptions", "_digit", "_entries", "_root", "_sources", "data", "theme")

    def __init__(self, data: bytes, theme: bytes = b"") -> None:
        self.data = data
        self.theme = theme
        self._root = parse_xml(data, "styles.xml")
        self._digit: int | None = None
        self._adoptions: dict[object, Adoption] = {}
        self._sources: dict[Palette | None, Source] = {}
        self._entries: Entries | None = None

    @classmethod
    def parse(cls, data: bytes, theme: bytes = b"") -> StyleSheet:
        """The style sheet in `data`; equal bytes give the same object as long as it is remembered."""
        return _remembered(data, theme) if _is_kept(data, theme) else cls(data, theme)

    @classmethod
    def of(cls, package: Package) -> StyleSheet:
        """The style sheet of a workbook; an empty one when it has none."""
        theme = next((r.target for r in package.relationships(package.workbook_part) if r.kind == "theme"), None)
        return cls.parse(
            BLANK if package.styles_part is None else package.read(package.styles_part),
            package.read(theme) if theme is not None and theme in package else b"",
        )

    @property
    def digit(self) -> int:
        """Pixels of a digit of the Normal font, the unit of column widths."""
        if self._digit is None:
            self._digit = digit_pixels(self._root)
        return self._digit

    def _palette(self) -> Palette:
        return Palette(theme_colours(self.theme), indexed_colours(self._root))

    def _source(self, colours: Palette | None) -> Source:
        """This sheet as a source: the pack's, taken from for every file whose style sheet is new."""
        if colours not in self._sources:
            self._sources[colours] = Source(self._root, colours)
        return self._sources[colours]

    def adopt(
        self,
        other: StyleSheet,
        xfs: Iterable[int],
        dxfs: Iterable[int] = (),
        looks: Iterable[Look] = (),
    ) -> Adoption:
        """Take in cell formats, differential formats and variants of cell formats of `other`, by its numbers."""
        order = sorted(set(looks), key=lambda look: (look.xf, look.argb or "", look.unlocked, look.quoted))
        wanted = (tuple(sorted(set(xfs))), tuple(sorted(set(dxfs))), tuple(order))
        key = (other.data, other.theme, wanted)
        known = self._adoptions.get(key)
        if known is None:
            while len(self._adoptions) >= _CACHED_ADOPTIONS:
                del self._adoptions[next(iter(self._adoptions))]
            known = self._adoptions[key] = self._adopted(other, *wanted)
        return known

    def _adopted(
        self, other: StyleSheet, xfs: tuple[int, ...], dxfs: tuple[int, ...], looks: tuple[Look, ...]
    ) -> Adoption:
        same = other.data == self.data and other.theme == self.theme
        if same and not looks:
            return Adoption(self.data, {n: n for n in xfs}, {n: n for n in dxfs}, {})
        target = Target(parse_xml(self.data, "styles.xml"), self._entries)
        source = other._source(palette_change(other._palette(), self._palette()))
        xf = {number: number if same else target.xf(source, Look(number)) for number in xfs}
        dxf = {number: number if same else target.dxf(source, number) for number in dxfs}
        varied = {look: target.xf(source, look) for look in looks}
        data = target.data(self.data)
        if data is not self.data and _is_kept(data, self.theme):
            _remembered(data, self.theme)._entries = target.entries  # more may be taken in at once
        return Adoption(data, xf, dxf, varied)


def _is_kept(data: bytes, theme: bytes) -> bool:
    return len(data) + len(theme) <= _CACHED_SIZE


@lru_cache(maxsize=64)
def _remembered(data: bytes, theme: bytes) -> StyleSheet:
    return StyleSheet(data, theme)
