"""Jinja's sandbox as the text blocks of a pack meet it: what they may see, how values are printed, the filters."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from perfeval.kept import keep, kept
from perfeval.narrative.context import Row, Rows
from perfeval.numbers import decimal_text, percent_text, shown
from perfeval.pack import Pack, is_built_in
from perfeval.patterns import lazy_pattern

if TYPE_CHECKING:
    from jinja2 import BytecodeCache
    from jinja2.sandbox import SandboxedEnvironment

__all__ = ["PARAGRAPH", "environment_of", "file_of"]

PARAGRAPH = "\x1e"  # stands for a blank line of a block
_UNKNOWN = "未列明"  # a blank is not 0
_ENDINGS = "。；，、！？;,.!? "
_LINE_ENDS = lazy_pattern(r"\s*\n\s*")
_NAMES: dict[type, frozenset[str]] = {kind: frozenset(kind.__match_args__) for kind in (Row, Rows)}


def file_of(section: str) -> str:
    """Name of a block as its author knows it."""
    return f"narrative/{section}.j2"


def environment_of(pack: Pack) -> SandboxedEnvironment:
    """The environment in which the blocks of `pack` are compiled and rendered."""
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    seen = _NAMES | {LoopContext: frozenset(("first", "last", "index", "length"))}

    class Environment(ImmutableSandboxedEnvironment):
        """The sandbox with a short way to the context's own tables, whose every name is meant to be seen."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if type(obj) is dict:
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
            if attribute in seen.get(type(obj), ()):
                return getattr(obj, attribute)
            return super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            return self.getattr(obj, argument) if type(obj) in _NAMES else super().getitem(obj, argument)

    sources = {file_of(section): _prepared(source) for section, source in pack.narrative.items()}
    environment = Environment(
        bytecode_cache=_kept_blocks(pack.id) if is_built_in(pack.folder) else None,
        loader=FunctionLoader(lambda name: (sources[name], name, None) if name in sources else None),
        undefined=StrictUndefined,
        autoescape=False,  # the result is plain text for a cell
        finalize=_value,
        trim_blocks=True,  # line ends are taken out anyway
        optimized=False,  # there are hardly any constants to fold, and looking for them takes a tenth of the compiling
        cache_size=-1,
    )
    environment.globals = {"namespace": environment.globals["namespace"], "range": environment.globals["range"]}
    digits = pack.rounding.digits
    environment.filters |= {
        "amount": _amount,
        "percent": _percent,
        "score": lambda value: _UNKNOWN if value is None else shown(Fraction(value), digits),
        "listed": _listed,
        "titles": lambda rows: "、".join([row.title for row in rows]),
        "sentence": _sentence,
        "clause": _clause,
    }
    return environment


def _kept_blocks(pack_id: str) -> BytecodeCache | None:
    """The blocks of a built-in pack as earlier runs compiled them, which takes as long as all else done for a form.

    None where Jinja is not a folder of files, so that nothing tells one version of it from another.
    """
    import jinja2.compiler
    from jinja2 import BytecodeCache
    from jinja2.bccache import Bucket

    try:
        compiler = Path(str(jinja2.compiler.__file__)).stat()
    except OSError:
        return None
    stamp = repr((compiler.st_size, compiler.st_mtime_ns)).encode()  # that the block is the same Jinja looks after

    class Kept(BytecodeCache):
        def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 - as Jinja calls it
            return f"{pack_id}.{PurePosixPath(name).name}"

        def load_bytecode(self, bucket: Bucket) -> None:
            code = kept(bucket.key, stamp)
            if code is not None:
                bucket.bytecode_from_string(code)

        def dump_bytecode(self, bucket: Bucket) -> None:
            keep(bucket.key, stamp, bucket.bytecode_to_string)

    return Kept()


def _prepared(source: str) -> str:
    """A block with its blank lines marked: they alone begin a paragraph, all other line ends are for reading only."""
    return "\n".join(line.strip() or PARAGRAPH for line in source.rstrip().split("\n"))


def _value(value: object) -> object:
    """What an expression prints: a line end inside a cell is not one of the sentence."""
    return _LINE_ENDS.sub("", value) if isinstance(value, str) and "\n" in value else value


# ---- filters ---------------------------------------------------------------------------------------------------------


def _amount(value: Decimal | None) -> str:
    """A sum of money in plain notation: 257.33."""
    return _UNKNOWN if value is None else decimal_text(value)


def _percent(ratio: Fraction | None) -> str:
    """A ratio as percentage: 83.13%."""
    return _UNKNOWN if ratio is None else percent_text(ratio)


def _listed(words: Iterable[object], last: str = "和") -> str:
    """产出、效益和满意度."""
    *others, final = map(str, words)
    return f"{'、'.join(others)}{last}{final}" if others else final


def _clause(text: str) -> str:
    """Somebody's text without full stop and line ends, to go on with a sentence."""
    if "\n" not in text:
        return text.strip().rstrip(_ENDINGS)
    return "；".join(filter(None, (line.strip().rstrip(_ENDINGS) for line in text.split("\n"))))


def _sentence(text: str) -> str:
    """Somebody's text as one whole sentence."""
    return f"{_clause(text)}。"
