"""The unit of column widths: how wide a digit of the workbook's Normal font is.

The same `width="10"` is 75 pixels in a workbook whose Normal font is Calibri and 85 in one that has 宋体, and with the
columns the scale of a page that is fitted to one page wide.
"""

from __future__ import annotations

import math

from lxml import etree

from perfeval.workbook.sheetxml import MAIN

__all__ = ["digit_pixels"]

_M = f"{{{MAIN}}}"
_SIZES = 1.0, 409.0  # points of a font, least and most
_USUAL = 11.0


def digit_pixels(styles: etree._Element) -> int:
    """Pixels of a digit of the style 常规: half an em in Chinese fonts, a little less in Latin ones."""
    font = _normal_font(styles)
    size, name = (None, None) if font is None else (font.find(f"{_M}sz"), font.find(f"{_M}name"))
    try:
        points = _USUAL if size is None else float(size.get("val", ""))
    except ValueError:
        points = _USUAL
    pixels = min(max(points, _SIZES[0]), _SIZES[1]) * 4 / 3 / 2
    chinese = name is not None and any(char > "\u2e7f" for char in name.get("val", ""))
    return max(1, math.ceil(pixels) if chinese else int(pixels))


def _normal_font(styles: etree._Element) -> etree._Element | None:
    normal = next((s for s in styles.iterfind(f"{_M}cellStyles/{_M}cellStyle") if s.get("builtinId") == "0"), None)
    formats = styles.findall(f"{_M}cellStyleXfs/{_M}xf")
    fonts = styles.findall(f"{_M}fonts/{_M}font")
    at = 0 if normal is None else _index(normal.get("xfId"))
    number = _index(formats[at].get("fontId")) if at < len(formats) else 0
    return fonts[number] if number < len(fonts) else None


def _index(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
