"""Numerals: 「1,234.5」, 「三百二十」, 「2亿3千万」, 「一点五亿」 as exact decimals.

Whatever could be two numbers is none: 「13万2」 in digits, 「1,23」, 「0750」 are refused.
"""

from __future__ import annotations

from decimal import Decimal

from perfeval.patterns import lazy_pattern
from perfeval.quantity.units import SCALES

__all__ = ["ARABIC", "HAN", "HAN_LETTERS", "MIXED", "arabic", "numeral"]

ARABIC = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
HAN_LETTERS = "零〇一二两三四五六七八九十百千万亿点壹贰貳叁肆伍陆陸柒捌玖拾佰仟半"
HAN = f"[{HAN_LETTERS}]"
MIXED = rf"(?>{ARABIC}|{HAN})(?:[0-9.]|{HAN})*+"  # anything that might be a numeral; `numeral` decides

_LONGEST = 24  # digits; more is no measurement and would overrun exact decimal arithmetic
_FORMAL = str.maketrans("〇壹贰貳叁肆伍陆陸柒捌玖拾佰仟", "零一二二三四五六六七八九十百千")
_DIGITS = {letter: value for value, letter in enumerate("零一二三四五六七八九")} | {"两": 2}
_ONES = frozenset("一二两三四五六七八九123456789")
_BELOW_10000 = lazy_pattern(r"(?:(.)千)?(零)?(?:(.)百)?(零)?(?:(.?)十)?(零)?(.)?")  # each . must be one of _ONES
_ARABIC_STARTS = frozenset(".0123456789")
_INTEGER = lazy_pattern(r"[1-9][0-9]{0,8}")
_PLAIN_SCALED = lazy_pattern(rf"({ARABIC})(万亿|[百千]?[万亿]|[十百千])")
_HAN_DECIMAL = lazy_pattern(r"([零一二两三四五六七八九十百千]+)点([零一二三四五六七八九]+)(万亿|[万亿])?")


def arabic(text: str) -> Decimal | None:
    """The number in digits; None for more digits than a measurement has and for codes such as 007."""
    digits = text.replace(",", "") if "," in text else text
    if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0" and digits[1] != "."):
        return None
    return Decimal(digits)


def numeral(text: str) -> tuple[Decimal, str] | None:
    """Number and the 万 or 亿 behind it: 「2.6亿」 is (2.6, 亿), 「2亿3千万」 is (230000000, ""); None: no numeral.

    The multiplier is kept apart where it belongs to the whole number, so that a unit stays as it was written.
    """
    text = text.translate(_FORMAL)
    if text == "半":
        return Decimal("0.5"), ""
    match = _PLAIN_SCALED.fullmatch(text) if text[0] in _ARABIC_STARTS else None
    if match is not None:
        number = arabic(match[1])
        return None if number is None else _kept(number, match[2])
    match = _HAN_DECIMAL.fullmatch(text) if "点" in text else None
    if match is not None:
        whole = _whole(match[1])
        if whole is None:
            return None
        decimals = "".join(str(_DIGITS[letter]) for letter in match[2])
        return Decimal(f"{whole}.{decimals}"), match[3] or ""
    if text[0] in "百千万亿点" or (text[0] == "零" and len(text) > 1):  # 「百家」 means many
        return None
    for scale, not_before in (("万亿", "万亿"), ("亿", "亿"), ("万", "万亿")):
        head = text.removesuffix(scale)
        if head != text and not any(letter in head for letter in not_before):
            whole = _whole(head)
            return None if whole is None else (Decimal(whole), scale)
    whole = _whole(text)
    return None if whole is None else (Decimal(whole), "")


def _kept(number: Decimal, scale: str) -> tuple[Decimal, str]:
    kept = scale.lstrip("十百千")
    for letter in scale[: len(scale) - len(kept)]:
        number = Decimal(format(number * SCALES[letter], "f"))
    return number, kept


def _whole(text: str) -> int | None:
    """An integer written with Chinese multipliers, perhaps with single digits in 0–9 between them."""
    if text in ("零", ""):
        return 0 if text else None
    for scale in ("亿", "万"):
        head, found, tail = text.rpartition(scale)
        if found:
            high = int(head) if _INTEGER.fullmatch(head) else _whole(head)
            low = _tail(tail, SCALES[scale])
            return None if not high or low is None else high * SCALES[scale] + low
    return _below_10000(text)


def _tail(text: str, scale: int) -> int | None:
    if not text:
        return 0
    if len(text) == 1 and text in _DIGITS and text != "零":
        return _DIGITS[text] * scale // 10  # 三万五 is 35000
    match = _PLAIN_SCALED.fullmatch(text) if text[0] in _ARABIC_STARTS else None
    if match is not None and _INTEGER.fullmatch(match[1]):
        number = int(match[1])
        for letter in match[2]:
            number *= SCALES[letter]
        value: int | None = number
    elif text.isascii():
        return None  # 13万2: 132000 in speech, a slip of the finger in a table
    else:
        value = _whole(text.removeprefix("零"))
    return value if value is not None and 0 < value < scale else None


def _below_10000(text: str) -> int | None:
    if text.isascii():
        return None
    if text in _DIGITS:
        return _DIGITS[text] or None
    match = _BELOW_10000.fullmatch(text)
    if match is None:
        return None
    thousands, _, hundreds, _, tens, zero, ones = match.groups()
    if not all(digit in _ONES for digit in (thousands, hundreds, tens, ones) if digit):
        return None
    value = _digit(thousands) * 1000 + _digit(hundreds) * 100
    if tens is not None:
        value += (_digit(tens) or 1) * 10
    if ones is not None:
        unit = 1
        if tens is None and zero is None and not text.endswith("零" + ones):
            unit = 10 if hundreds else 100 if thousands else 1
            if unit > 1 and ones.isascii():
                return None
        value += _digit(ones) * unit
    return value or None


def _digit(text: str | None) -> int:
    return 0 if not text else int(text) if text.isascii() else _DIGITS[text]
