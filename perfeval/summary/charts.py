"""The page of charts: how the scores are spread, what each unit reached, and score against execution.

Native charts, so that they can be restyled and copied; their figures stand beside the printed area of the same sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from perfeval.numbers import round_half_up
from perfeval.summary.sheetdata import Cells, Filling, rows_xml
from perfeval.summary.tables import Overview, Row, Table

__all__ = ["Figures", "add_charts", "figures"]

NAME = "图表"
# Marks out of 100; a class holds its lower end, the last one both. Self-ratings crowd at the top.
_EDGES = (60, 70, 80, 85, 90, 92, 94, 96, 98, 100)
_UNITS_ON_A_PAGE = 24
_COLUMNS = 10  # that are printed
_ROWS_ON_A_PAGE = 36
_ROW_HEIGHT = 15  # points
_UPPER = 17  # rows of the two charts on top
_DATA = _COLUMNS + 2  # column where the figures begin


@dataclass(frozen=True, slots=True)
class Figures:
    """What the charts show."""

    classes: tuple[tuple[str, int], ...]  # 得分段 and how many projects
    units: tuple[tuple[str, Decimal], ...]  # unit and mean, best first
    points: tuple[tuple[Decimal, Decimal], ...]  # 执行率 in percent and mark


def figures(view: Overview, units: Table) -> Figures | None:
    """The figures of a summary; None when nothing has a score."""
    marks = [entry.mark for entry in view.frame["entry"] if entry.mark is not None]
    if not marks:
        return None
    counts = Counter(map(_class, marks))
    keys = [column.key for column in units.columns]
    name, mean = keys.index("unit"), keys.index("average")
    means = [(str(row[name]), row[mean]) for row in list(units.rows())[:-1]]
    points = []
    for entry in view.frame["entry"]:
        rate = entry.form.funds.rate
        if rate is not None and entry.mark is not None:
            points.append((_decimal(rate * 100), _decimal(entry.mark)))
    return Figures(
        tuple((label, counts[label]) for label in map(_label, range(len(_EDGES)))),
        tuple((unit or "(未填单位)", value) for unit, value in means if isinstance(value, Decimal)),
        tuple(points),
    )


def _class(mark: Fraction) -> str:
    place = next((place for place, edge in enumerate(_EDGES) if mark < edge), len(_EDGES) - 1)
    return _label(place)


def _label(place: int) -> str:
    return f"{_EDGES[place]}以下" if place == 0 else f"{_EDGES[place - 1]}—{_EDGES[place]}"


def _decimal(value: Fraction) -> Decimal:
    return round_half_up(value, 2)


def add_charts(book: Any, data: Figures) -> tuple[Any, Filling]:
    """Add the sheet with the charts to a workbook of openpyxl; their figures are to be filled in."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.pagebreak import Break
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet = book.create_sheet(NAME)
    sheet.sheet_view.showGridLines = False
    for place in range(1, _COLUMNS + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 13.5
    sheet.column_dimensions[get_column_letter(_DATA)].width = 14
    sheet.column_dimensions[get_column_letter(_DATA + 3)].width = 30
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True
    sheet.page_margins.left = sheet.page_margins.right = 0.5
    sheet.page_margins.top = sheet.page_margins.bottom = 0.6
    sheet.oddFooter.center.text = "第 &P 页 共 &N 页"
    sheet.page_margins.header = sheet.page_margins.footer = 0.3
    half = _COLUMNS // 2
    _place(sheet, _classes_chart(sheet, data), (0, 0), (half, _UPPER))
    _place(sheet, _points_chart(sheet, data), (half, 0), (_COLUMNS, _UPPER))
    page, last = 0, _UPPER  # first row of the page, and the next free row
    for title, first, count in _pages(len(data.units)):
        height = 5 + round(1.25 * count)
        if last + height > page + _ROWS_ON_A_PAGE:
            sheet.row_breaks.append(Break(id=last))
            page = last
        _place(sheet, _units_chart(sheet, title, first, count), (0, last), (_COLUMNS, last + height))
        last += height
    sheet.print_area = f"A1:{get_column_letter(_COLUMNS)}{last}"
    return sheet, _write_figures(sheet, data, last)


def _pages(units: int) -> list[tuple[str, int, int]]:
    """Title, first unit and number of units of each chart; of very many units the best and the last are shown."""
    if units <= _UNITS_ON_A_PAGE:
        return [("各单位平均分", 0, units)] if units else []
    if units <= 4 * _UNITS_ON_A_PAGE:
        starts = range(0, units, _UNITS_ON_A_PAGE)
        return [
            (
                f"各单位平均分(第{start + 1}—{min(start + _UNITS_ON_A_PAGE, units)}名)",
                start,
                min(_UNITS_ON_A_PAGE, units - start),
            )
            for start in starts
        ]
    size = _UNITS_ON_A_PAGE
    return [(f"平均分最高的{size}个单位", 0, size), (f"平均分最低的{size}个单位", units - size, size)]


def _write_figures(sheet: Any, data: Figures, last: int) -> Filling:
    """The figures to the right of what is printed: classes, then units, then points."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils import get_column_letter

    quoted = WriteOnlyCell(sheet)
    quoted.quotePrefix = True
    columns = [Cells(get_column_letter(_DATA + place), 0, quoted.style_id) for place in range(8)]
    sheet.row_dimensions[1].height = _ROW_HEIGHT
    sheet.append([None] * (_DATA - 1) + ["得分段", "项目数", None, "单位", "平均分", None, "执行率(%)", "合计"])

    def rows() -> Iterator[Row]:
        none = (None, None)
        both = zip_longest(data.classes, data.units, data.points, range(last - 1), fillvalue=none)
        for one, unit, point, _ in both:
            yield (*one, None, *unit, None, *point)

    return Filling(rows_xml(rows(), 2, columns, _ROW_HEIGHT))


def _reference(sheet: Any, column: int, first: int, count: int) -> Any:
    from openpyxl.chart import Reference

    # Row 1 holds the heading.
    return Reference(sheet, min_col=_DATA + column, min_row=first + 2, max_row=first + 1 + count)


def _classes_chart(sheet: Any, data: Figures) -> Any:
    chart = _bars("得分分布", "col")
    chart.x_axis.title, chart.y_axis.title = "得分段(含下限)", "项目数"
    chart.add_data(_reference(sheet, 1, 0, len(data.classes)))
    chart.set_categories(_reference(sheet, 0, 0, len(data.classes)))
    chart.gapWidth = 60
    chart.y_axis.majorUnit = None if max(count for _, count in data.classes) > 8 else 1
    return _labelled(chart)


def _units_chart(sheet: Any, title: str, first: int, count: int) -> Any:
    chart = _bars(title, "bar")
    chart.add_data(_reference(sheet, 4, first, count))
    chart.set_categories(_reference(sheet, 3, first, count))
    chart.gapWidth = 40
    chart.x_axis.scaling.orientation = "maxMin"  # the best on top
    chart.y_axis.scaling.min, chart.y_axis.scaling.max = 0, 100
    chart.y_axis.crosses = "max"
    _labelled(chart).dataLabels.position = "inEnd"
    return chart


def _bars(title: str, direction: str) -> Any:
    from openpyxl.chart import BarChart

    chart = BarChart()
    chart.type = direction
    chart.title = title
    return chart


def _labelled(chart: Any) -> Any:
    from openpyxl.chart.label import DataLabelList

    chart.series[0].graphicalProperties.solidFill = "4F81BD"
    chart.dataLabels = DataLabelList(
        showVal=True, showSerName=False, showCatName=False, showLegendKey=False, showPercent=False
    )
    return chart


def _points_chart(sheet: Any, data: Figures) -> Any:
    from openpyxl.chart import ScatterChart, Series

    chart = ScatterChart()
    chart.title = "得分与执行率"
    chart.style = 13
    chart.scatterStyle = "lineMarker"
    chart.x_axis.title, chart.y_axis.title = "执行率(%)", "合计"
    count = len(data.points)
    series = Series(_reference(sheet, 7, 0, max(count, 1)), _reference(sheet, 6, 0, max(count, 1)))
    series.marker.symbol = "circle"
    series.marker.size = 6
    series.marker.graphicalProperties.solidFill = "C0504D"
    series.marker.graphicalProperties.line.solidFill = "C0504D"
    series.graphicalProperties.line.noFill = True
    chart.series.append(series)
    lowest = min((mark for _, mark in data.points), default=Decimal(0))
    chart.y_axis.scaling.min, chart.y_axis.scaling.max = int(lowest) // 10 * 10, 100
    chart.x_axis.scaling.min = 0
    chart.x_axis.majorGridlines = None
    return chart


def _place(sheet: Any, chart: Any, top_left: tuple[int, int], bottom_right: tuple[int, int]) -> None:
    """Tie a chart to cells, given as column and row from 0: whatever width a program gives them, the page is filled."""
    from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, TwoCellAnchor

    chart.legend = None
    # Excel leaves out axes and lays titles over the plot unless told otherwise.
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.title.overlay = False
    chart.x_axis.number_format = chart.y_axis.number_format = "General"
    (left, top), (right, bottom) = top_left, bottom_right
    gap = 60_000  # EMU, about a sixth of a centimetre
    chart.anchor = TwoCellAnchor(
        editAs="oneCell",
        _from=AnchorMarker(col=left, colOff=gap, row=top, rowOff=gap),
        to=AnchorMarker(col=right - 1, colOff=900_000, row=bottom - 1, rowOff=150_000),
    )
    sheet.add_chart(chart)
