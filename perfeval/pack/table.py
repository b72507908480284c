"""TOML tables asked key by key, so that everything unexpected in a `rules.toml` is named with its place.

The vocabulary is closed: what no one asks a table for is an unknown key. A fault never stops the reading; a neutral
value takes its place and the faults are reported together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal
from fractions import Fraction

from perfeval.findings import Finding
from perfeval.numbers import decimal_text
from perfeval.record import record

__all__ = ["Problems", "Table", "did_you_mean", "listed"]


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A sentence that proposes the nearest allowed word, "" when none is near."""
    from difflib import get_close_matches  # only where a word is not known

    near = get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f"是不是「{near[0]}」?" if near else ""


def listed(words: Iterable[str]) -> str:
    """Words as a Chinese enumeration."""
    return "、".join(words) or "(无)"


@record(slots=True)
class Problems:
    """Collects the findings of one `rules.toml` and which sources its rules name."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    sources: tuple[str, ...] = ()
    used: set[str] = field(default_factory=set)

    def add(self, code: str, key: str, **params: str) -> None:
        """Report `code` at `key` of the file."""
        self.findings.append(Finding(code, label=key, params={"file": self.file, "key": key, **params}))


class Table:
    """A TOML table at `path`; `done` reports the keys nobody asked for."""

    def __init__(self, values: Mapping[str, object], path: str, problems: Problems) -> None:
        self._values = values
        self._asked: list[str] = []
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        return key in self._values

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys somebody wrote."""
        return tuple(self._values)

    def at(self, key: str) -> str:
        """The full path of `key`."""
        return f"{self.path}.{key}" if self.path else key

    def report(self, code: str, key: str, **params: str) -> None:
        """Report `code` at one of the keys."""
        self.problems.add(code, self.at(key), **params)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; `default` may be."""
        value = self._value(key, required=default is None)
        if value is None:
            return default or ""
        if not isinstance(value, str) or (default is None and not value.strip()):
            self._wrong(key, value, "文字,写在引号里")
            return default or ""
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of the `allowed` words."""
        value = self._value(key, required=default is None)
        if value is None:
            return default or allowed[0]
        if value not in allowed:
            written = value if isinstance(value, str) else _shown(value)
            self.report("PAK005", key, value=written, allowed=listed(allowed), hint=did_you_mean(written, allowed))
            return allowed[0]
        return str(value)

    def number(self, key: str, low: int = 0, high: int | None = None, default: Fraction | None = None) -> Fraction:
        """An exact number between `low` and `high`."""
        value = self._value(key, required=default is None)
        if value is None:
            return default if default is not None else Fraction(low)
        limits = f"不小于 {low} 的数" if high is None else f"{low} 到 {high} 的数"
        number = _exact(value)
        if number is None or number < low or (high is not None and number > high):
            self._wrong(key, value, limits + ",不加引号")
            return Fraction(low)
        return number

    def integer(self, key: str, low: int, high: int) -> int | None:
        """A whole number between `low` and `high`, None when the key is absent."""
        value = self._value(key, required=False)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._wrong(key, value, f"{low} 到 {high} 的整数,不加引号")
            return None
        return value

    def required_integer(self, key: str, low: int, high: int) -> int:
        """A whole number that must be there."""
        if key not in self._values:
            self._value(key, required=True)
            return low
        value = self.integer(key, low, high)
        return low if value is None else value

    def date(self, key: str) -> dt.date:
        """A date, written without quotes."""
        value = self._value(key, required=True)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value
        if value is not None:
            self._wrong(key, value, "日期,例如 2024-12-31,不加引号")
        return dt.date.min

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; () when the key is absent."""
        value = self._value(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self._wrong(key, value, '一列文字,例如 ["甲", "乙"]')
            return ()
        return tuple(value)

    def source(self) -> str:
        """The key of the source these rules come from; it must exist."""
        key = self.text("source")
        if key and key not in self.problems.sources:
            known = self.problems.sources
            self.report("PAK007", "source", value=key, allowed=listed(known), hint=did_you_mean(key, known))
        self.problems.used.add(key)
        return key

    def table(self, key: str, *, required: bool = True) -> Table:
        """A table within; an empty one when it is absent or something else."""
        value = self._value(key, required=required)
        if value is not None and not isinstance(value, Mapping):
            self._wrong(key, value, f"一张表,写作 [{self.at(key)}] 或 {{ … }}")
            value = None
        return Table(value or {}, self.at(key), self.problems)

    def tables(self, key: str, *, required: bool = True) -> tuple[Table, ...]:
        """A list of tables within, each named in paths by its `name`, else by its place."""
        value = self._value(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self._wrong(key, value, f"若干张表,每张写作 [[{self.at(key)}]]")
            return ()
        return tuple(
            Table(item, f"{self.at(key)}.{item.get('name') or place}", self.problems)
            for place, item in enumerate(value, 1)
        )

    def keys_known(self, keys: Iterable[str]) -> None:
        """Name keys that may be left out and were therefore not asked for."""
        self._asked.extend(keys)

    def done(self) -> None:
        """Report every key nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                known = tuple(dict.fromkeys(self._asked))
                self.report("PAK003", key, value=key, allowed=listed(known), hint=did_you_mean(key, known))

    def _value(self, key: str, *, required: bool) -> object:
        self._asked.append(key)
        value = self._values.get(key)
        if value is None and required:
            near = did_you_mean(key, (known for known in self._values if known not in self._asked))
            self.report("PAK004", key, value=key, hint=near)
        return value

    def _wrong(self, key: str, value: object, expected: str) -> None:
        self.report("PAK006", key, value=_shown(value), expected=expected)


def _exact(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return Fraction(value)


def _shown(value: object) -> str:
    """A TOML value as its author would recognise it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value) if value.is_finite() else str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "{ … }"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value[:3]) + (", …]" if len(value) > 3 else "]")
    return str(value)
