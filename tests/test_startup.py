"""What a process does before its first file, and the two shortcuts that keep it little: `record`, `lazy_pattern`."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

import perfeval
from perfeval.patterns import lazy_pattern
from perfeval.record import record


class Kinds:
    """The same type, declared in both ways."""

    @dataclass(frozen=True, slots=True)
    class Plain:
        name: str
        size: int = 3
        parts: list[int] = field(default_factory=list, repr=False)

    @record(frozen=True, slots=True)
    class Ours:
        name: str
        size: int = 3
        parts: list[int] = field(default_factory=list, repr=False)

    @record(slots=True)
    class Growing:
        names: tuple[str, ...] = ()

    @record(frozen=True, eq=False)
    class Single:
        name: str


def outcome(call: Any) -> Any:
    try:
        found = call()
    except TypeError as error:
        found = str(error)
    return found.replace("Plain", "Ours") if isinstance(found, str) else found


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: repr(kind("a")),
        lambda kind: repr(kind(size=1, name="b")),
        lambda kind: kind(),
        lambda kind: kind("a", 1, [], 2),
        lambda kind: kind("a", colour="red"),
        lambda kind: (kind("a").parts, kind("a").parts is kind("a").parts),
        lambda kind: (kind("a") == kind("a"), kind("a") == kind("b"), kind("a") == "a"),
        lambda kind: hash(kind("a", 1, ())) == hash(kind("a", 1, ())),  # type: ignore[arg-type]
        lambda kind: hash(kind("a")),
        lambda kind: repr(replace(kind("a"), size=7)),
        lambda kind: [entry.name for entry in fields(kind)],
        lambda kind: kind.__slots__,
        lambda kind: kind.__match_args__,
        lambda kind: hasattr(kind("a"), "__dict__"),
    ],
)
def test_a_record_is_a_dataclass(use: Any) -> None:
    assert outcome(lambda: use(Kinds.Ours)) == outcome(lambda: use(Kinds.Plain))


def test_a_record_travels_between_processes() -> None:
    sent = Kinds.Ours("a", parts=[1])
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_a_record_that_changes_has_no_hash_and_one_without_eq_is_itself_only() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Kinds.Growing())
    assert Kinds.Growing() == Kinds.Growing()
    assert Kinds.Single("a") != Kinds.Single("a")
    assert len({Kinds.Single("a"), Kinds.Single("a")}) == 2


def patterns() -> Iterator[tuple[str, Any]]:
    for module in walk_packages(perfeval.__path__, "perfeval."):
        if not module.name.endswith("__main__"):
            for name, value in vars(import_module(module.name)).items():
                inside = value.values() if isinstance(value, dict) else (value,)
                yield from ((f"{module.name}.{name}", each) for each in inside if type(each) is lazy_pattern)


def test_every_pattern_compiles() -> None:
    found = dict(patterns())
    for name, pattern in found.items():
        assert isinstance(pattern.pattern, str | bytes), name
    assert len(found) > 100


def test_a_lazy_pattern_is_the_pattern() -> None:
    pattern = lazy_pattern("(b)|C", re.IGNORECASE)
    assert [match[0] for match in pattern.finditer("abc")] == ["b", "c"]
    assert pattern.sub("-", "abc") == "a--"
    assert pattern.groups == 1
    with pytest.raises(AttributeError):
        pattern.colour  # type: ignore[attr-defined]  # noqa: B018


def test_loading_the_program_compiles_no_pattern_of_ours() -> None:
    """A module that compiles its patterns when it is loaded makes every single file wait for all of them."""
    script = """
import re, sys
compile, eager = re.compile, []
def noted(pattern, flags=0):
    caller = sys._getframe(1).f_globals["__name__"]
    if caller.startswith("perfeval"):
        eager.append((caller, pattern))
    return compile(pattern, flags)
re.compile = noted
import perfeval.cli.program, perfeval.cli.records, perfeval.batch, perfeval.jsonout
import perfeval.pipeline, perfeval.assemble
print(eager)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
