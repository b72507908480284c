"""Qualitative results: which band (等次) a text names, and the completion ratio the clerk chose inside it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from perfeval.calculator.compare import Refusal
from perfeval.calculator.methods import Completion, Move
from perfeval.model import Indicator, Kind
from perfeval.numbers import decimal_text, exact_text, fraction
from perfeval.pack import Band, Pack
from perfeval.patterns import lazy_pattern
from perfeval.quantity.text import without_blanks
from perfeval.record import record

__all__ = ["Banded", "bands_of", "read_band"]

_IGNORED = "\"“”'‘’「」《》"  # as blanks are
# What may stand beside band and ratio without making the ratio another number's.
_ONLY_RATIO = lazy_pattern(
    r"[\n、,;:.。()]*(?:(?:完成)?(?:比例|率|程度))?(?:为|达到|达|是|:)?([0-9]+(?:\.[0-9]+)?)%[\n、,;:.。()]*"
)
_DENIALS = "未没不非无"


@record(frozen=True, slots=True)
class Banded:
    """A qualitative completion, and what a person should be told about it."""

    completion: Completion
    remark: Refusal | None = None


def bands_of(text: str, pack: Pack) -> tuple[tuple[Band, ...], str]:
    """The bands a text names, and what is left of it without their words.

    The longest words win, since 「未达成预期指标」 holds the words of 「达成预期指标」; a word that the text denies
    (未全部达成) leaves every band possible.
    """
    rest = _plain(text)
    found: list[Band] = []
    for word, band in _words(pack):
        place = rest.find(word)
        if place < 0:
            continue
        if place and rest[place - 1] in _DENIALS:
            return pack.scoring.bands, rest
        if band not in found:
            found.append(band)
        rest = rest.replace(word, "\n")
    return tuple(found), rest


def read_band(indicator: Indicator, pack: Pack) -> Banded | Refusal:
    """The completion of a qualitative row: the ratio is the clerk's choice, and must lie in the band named."""
    text = indicator.actual.text
    if indicator.actual.kind is Kind.NONE:
        answer = f"等次和完成比例,例如「{_answer(pack.scoring.bands[0], pack)['example']}」"
        return Refusal("VAL001", "actual", {"target": " ".join(indicator.target.text.split()), "answer": answer})
    written = {"written": " ".join(text.split()), "bands": _all_ranges(pack)}
    bands, rest = bands_of(text, pack)
    if len(bands) > 1:
        return Refusal("VAL012", "actual", written)
    ratio = _ratio(indicator, rest)
    if not bands:
        if ratio is None or indicator.actual.kind is not Kind.GRADE or not 0 <= ratio <= 100:
            return Refusal("VAL013", "actual", {**written, **_answer(pack.scoring.bands[0], pack)})
        band = next(band for band in pack.scoring.bands if _inside(ratio, band, pack))
        return Banded(
            _completion(ratio, band, pack), Refusal("VAL018", "actual", {**written, **_answer(band, pack, ratio)})
        )
    band = bands[0]
    if ratio is None:
        return Refusal("VAL010", "actual", {**written, **_answer(band, pack)})
    if not _inside(ratio, band, pack):
        params = {**written, "ratio": f"{decimal_text(ratio)}%", **_answer(band, pack)}
        return Refusal("VAL011", "actual", params)
    return Banded(_completion(ratio, band, pack))


def _completion(ratio: Decimal, band: Band, pack: Pack) -> Completion:
    share = fraction(ratio) / 100
    text = f"{decimal_text(ratio)}%"
    low, high = _ends(band)
    steps = (Move("等次", f"{band.name}({low}—{high}),完成比例 {text}", share),)
    return Completion(share, band.high == _top(pack), text, f"MIN(1,{text})", share, text, steps)


def _inside(ratio: Decimal, band: Band, pack: Pack) -> bool:
    return band.low <= ratio < band.high or (ratio == band.high == _top(pack))


@lru_cache(maxsize=16)
def _top(pack: Pack) -> Fraction:
    return max(band.high for band in pack.scoring.bands)


def _ratio(indicator: Indicator, rest: str) -> Decimal | None:
    """The completion ratio as read; in a text of a pack's own words, the one percentage beside them."""
    if indicator.actual.kind is Kind.GRADE:
        return indicator.actual.value
    match = _ONLY_RATIO.fullmatch(rest)
    return Decimal(match[1]) if match else None


def _answer(band: Band, pack: Pack, ratio: Decimal | None = None) -> dict[str, str]:
    """A full answer as an example: band and a ratio inside it."""
    low, high = _ends(band)
    chosen = ratio if ratio is not None else Decimal(100) if band.high == _top(pack) else None
    number = decimal_text(chosen) if chosen is not None else exact_text((band.low + band.high) / 2)
    return {"band": band.name, "low": low, "high": high, "example": f"{band.name}、完成比例{number}%"}


def _ends(band: Band) -> tuple[str, str]:
    """The ends of a band as the form prints them."""
    return f"{exact_text(band.low)}%" + ("(含)" if band.low else ""), f"{exact_text(band.high)}%"


@lru_cache(maxsize=16)
def _all_ranges(pack: Pack) -> str:
    return ";".join(f"「{band.name}」{'—'.join(_ends(band))}" for band in pack.scoring.bands)


@lru_cache(maxsize=16)
def _words(pack: Pack) -> tuple[tuple[str, Band], ...]:
    words = [(_plain(word), band) for band in pack.scoring.bands for word in (band.name, *band.words)]
    return tuple(sorted(words, key=lambda pair: -len(pair[0])))


def _plain(text: str) -> str:
    return without_blanks(text, _IGNORED)
