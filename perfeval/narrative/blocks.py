"""Text blocks compiled once per pack and rendered in Jinja's sandbox, which is loaded when a section is blank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from perfeval.errors import PackError
from perfeval.model import Evaluation, Form
from perfeval.narrative.context import context_of
from perfeval.narrative.environment import PARAGRAPH, environment_of, file_of
from perfeval.pack import Pack

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Blocks", "Fault", "blocks_of", "render", "sections"]


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


class Blocks:
    """The compiled text blocks of one pack."""

    def __init__(self, pack: Pack) -> None:
        self._environment = environment_of(pack)
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
        return "\n".join(paragraph for paragraph in text.replace("\n", "").split(PARAGRAPH) if paragraph)

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
