"""Text blocks compiled once per pack and rendered in Jinja's sandbox, which is loaded when a section is blank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from perfeval.errors import PackError
from perfeval.model import Evaluation, Form
from perfeval.narrative.context import Row, Rows, context_of
from perfeval.numbers import decimal_text, percent_text, shown
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

__all__ = ["Blocks", "Fault", "blocks_of", "file_of", "render", "sections"]

_UNKNOWN = "未列明"  # a blank is not 0
_ENDINGS = "。；，、！？;,.!? "
_LINE_ENDS = lazy_pattern(r"\s*\n\s*")
_PARAGRAPH = "\x1e"  # stands for a blank line of a block


_NAMES: dict[type, frozenset[str]] = {kind: frozenset(kind.__match_args__) for kind in (Row, Rows)}


class Fault(Exception):
    """A text block that cannot be rendered: where, and in whose words."""

    def __init__(self, code: str, file: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code  # of the finding that says so
        self.file = file
        self.line = line
        self.reason = reason


def render(pack: Pack, form: Form, evaluation: Evaluation) -> dict[str, str]:
    """Text of every section: as the clerk wrote it where something is written, else the pack's block rendered."""
    texts = {key: cell.text for key, cell in form.narrative.items() if cell}
    blank = [section for section in sections(pack) if section not in texts]
    if not blank:
        return texts
    blocks = blocks_of(pack)
    context = context_of(pack, form, evaluation)
    try:
        names = blocks.names(context)
        return texts | {section: blocks.text(section, names) for section in blank}
    except Fault as fault:
        raise PackError(
            f"评分体系「{pack.id}」的文字段落 {fault.file} 第 {fault.line} 行有错误:{fault.reason}。"
            f"改法:改正这一行;可用「perfeval packs check {pack.folder}」检查全部段落。"
        ) from fault


def sections(pack: Pack) -> list[str]:
    """Keys of the sections that have a text block."""
    return [key for key in pack.narrative if not key.startswith("_")]


def file_of(section: str) -> str:
    """Name of a block as its author knows it."""
    return f"narrative/{section}.j2"


class Blocks:
    """The compiled text blocks of one pack."""

    def __init__(self, pack: Pack) -> None:
        self._environment = _environment(pack)
        self._templates: dict[str, Template] = {}

    def names(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that the blocks know by name."""
        return {**self._environment.globals, **context}

    def text(self, section: str, context: dict[str, Any]) -> str:
        """One block rendered with those `names`; `Fault` when it is broken or asks for a name that does not exist."""
        from jinja2 import TemplateSyntaxError, UndefinedError

        try:
            template = self._templates.get(section)
            if template is None:
                template = self._templates[section] = self._environment.get_template(file_of(section))
            frame = template.new_context(context, shared=True)
            text = "".join(template.root_render_func(frame))
        except TemplateSyntaxError as error:
            raise Fault("PAK901", error.name or file_of(section), error.lineno, f"写法不对({error.message})") from error
        except UndefinedError as error:
            file, line = self._place(error, section)
            raise Fault("PAK902", file, line, f"用了没有的名称({error.message})") from error
        except Exception as error:  # whatever an expression of the block runs into is the block's fault
            file, line = self._place(error, section)
            raise Fault("PAK903", file, line, f"不能算出({type(error).__name__}: {error})") from error
        return "\n".join(paragraph for paragraph in text.replace("\n", "").split(_PARAGRAPH) if paragraph)

    def _place(self, error: BaseException, section: str) -> tuple[str, int]:
        """File and line of the block that the error came from: a compiled block's frames carry its name."""
        place = file_of(section), 1
        trace = error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name.startswith("narrative/"):
                place = name, self._environment.get_template(name).get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return place


_COMPILED: WeakKeyDictionary[Pack, Blocks] = WeakKeyDictionary()


def blocks_of(pack: Pack) -> Blocks:
    """The compiled blocks of `pack`."""
    blocks = _COMPILED.get(pack)
    if blocks is None:
        blocks = _COMPILED[pack] = Blocks(pack)
    return blocks


def _environment(pack: Pack) -> SandboxedEnvironment:
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


def _prepared(source: str) -> str:
    """A block with its blank lines marked: they alone begin a paragraph, all other line ends are for reading only."""
    return "\n".join(line.strip() or _PARAGRAPH for line in source.rstrip().split("\n"))


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
