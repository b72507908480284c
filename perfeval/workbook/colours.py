"""Colours that depend on the workbook they stand in: theme colours and the indexed palette.

A format taken into another workbook would change its colours when that workbook has another theme or palette of its
own; then they are written out as plain RGB.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache

from lxml import etree

from perfeval.record import record
from perfeval.workbook.package import parse_xml

__all__ = ["Palette", "indexed_colours", "palette_change", "theme_colours"]

# In the order in which SpreadsheetML counts theme colours; the theme part itself lists the dark ones first.
_THEME = (
    "lt1", "dk1", "lt2", "dk2", "accent1", "accent2", "accent3", "accent4", "accent5", "accent6", "hlink", "folHlink",
)  # fmt: skip
# ISO 29500-1 §18.8.27: the palette of a workbook that has none of its own; 64 and 65 are the system's colours.
_STANDARD_RGB = (
    "000000 FFFFFF FF0000 00FF00 0000FF FFFF00 FF00FF 00FFFF "
    "000000 FFFFFF FF0000 00FF00 0000FF FFFF00 FF00FF 00FFFF "
    "800000 008000 000080 808000 800080 008080 C0C0C0 808080 "
    "9999FF 993366 FFFFCC CCFFFF 660066 FF8080 0066CC CCCCFF "
    "000080 FF00FF FFFF00 00FFFF 800080 800000 008080 0000FF "
    "00CCFF CCFFFF CCFFCC FFFF99 99CCFF FF99CC CC99FF FFCC99 "
    "3366FF 33CCCC 99CC00 FFCC00 FF9900 FF6600 666699 969696 "
    "003366 339966 003300 333300 993300 993366 333399 333333 "
)
_STANDARD = tuple(_STANDARD_RGB.split())


@record(frozen=True, slots=True)
class Palette:
    """The colours of one workbook as RGB, by number; empty where they need not be looked up."""

    theme: tuple[str, ...]
    indexed: tuple[str, ...]

    def settle(self, colour: etree._Element) -> None:
        """Replace a colour of this workbook by what it looks like."""
        theme, index = colour.get("theme", ""), colour.get("indexed", "")
        if theme.isdecimal() and int(theme) < len(self.theme):
            rgb = _tinted(self.theme[int(theme)], colour.get("tint", "0"))
        elif index.isdecimal() and int(index) < len(self.indexed):
            rgb = self.indexed[int(index)]
        else:
            return
        for key in ("theme", "tint", "indexed"):
            if key in colour.attrib:
                del colour.attrib[key]
        colour.set("rgb", f"FF{rgb}")


def palette_change(source: Palette, target: Palette) -> Palette | None:
    """What to settle in formats that go from one workbook to another; None when all colours mean the same there."""
    change = Palette(
        source.theme if source.theme != target.theme else (),
        source.indexed if source.indexed != target.indexed else (),
    )
    return change if change.theme or change.indexed else None


def indexed_colours(styles: etree._Element) -> tuple[str, ...]:
    """The palette of a style sheet: its own, else the standard one."""
    own = tuple(
        colour.get("rgb", "")[-6:].upper() for colour in styles.iterfind("{*}colors/{*}indexedColors/{*}rgbColor")
    )
    return own + _STANDARD[len(own) :]


@lru_cache(maxsize=64)
def theme_colours(theme: bytes) -> tuple[str, ...]:
    """The RGB colours of a theme part in the order of their numbers; () when there is none or it is incomplete."""
    if not theme:
        return ()
    scheme = parse_xml(theme, "theme").find("{*}themeElements/{*}clrScheme")
    if scheme is None:
        return ()
    found = {}
    for entry in scheme:
        for colour in entry:
            found[entry.tag.rpartition("}")[2]] = colour.get("lastClr") or colour.get("val", "")
    colours = tuple((found.get(name) or "").upper() for name in _THEME)
    return colours if all(len(colour) == 6 for colour in colours) else ()


def _tinted(rgb: str, tint: str) -> str:
    """ISO 29500-1 §18.8.19: a tint darkens (< 0) or lightens (> 0) the luminance."""
    try:
        amount = max(-1.0, min(1.0, float(tint)))
        red, green, blue = (int(rgb[at : at + 2], 16) / 255 for at in (0, 2, 4))
    except ValueError:
        return rgb
    if not amount:
        return rgb
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    light = light * (1 + amount) if amount < 0 else light * (1 - amount) + amount
    return "".join(f"{round(part * 255):02X}" for part in colorsys.hls_to_rgb(hue, light, saturation))
