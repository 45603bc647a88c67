"""From the nouns to Grafana's JSON, by Grafana's own builders; the same bytes every time."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.noun import Board, Column, Language, Panel, Query, Say, Steps, Unit, Values, Variable

COLUMNS: Final = 24
HEIGHTS: Final = {"stat": 4, "lines": 8, "bars": 9, "table": 9, "state": 8}
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_FINEST: Final = ((720, "1h"), (336, "30m"), (168, "15m"), (0, "1m"))
LINKED: Final = "guardian"
"""Every dashboard has this tag, and a menu of all that have it."""
SPANS: Final[dict[str, tuple[int, Say]]] = {
    "seconds": (1, Say("秒", "s")),
    "minutes": (60, Say("分钟", "min")),
    "hours": (3600, Say("小时", "h")),
    "days": (86400, Say("天", "d")),
}
"""Of spans of time: so many seconds each, and what it is called."""
NOT_THERE: Final = "–"
"""A cell without a label: what stands for an empty table would stand in it otherwise."""


def text_of(board: Board, language: Language) -> str:
    """The dashboard as JSON."""
    made = _Writer(language).board(board)
    return (
        json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(made)), indent=2, ensure_ascii=False, sort_keys=True)
        + "\n"
    )


class _Writer:
    def __init__(self, language: Language) -> None:
        self._language = language

    def board(self, board: Board) -> Any:
        made = (
            dashboard.Dashboard(self._say(board.title))
            .uid(f"{board.uid}-{self._language}")
            .description(self._say(board.about))
            .tags([LINKED, self._language])
            .timezone("browser")
            .refresh(board.refresh)
            .time(f"now-{board.hours}h", "now")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .editable()
            .link(self._menu())
            .with_variable(self._source())
        )
        for variable in board.variables:
            made = made.with_variable(self._variable(variable))
        number, y = 1, 0
        for row in board.rows:
            made = made.with_row(dashboard.Row(self._say(row.title)).id(number).grid_pos(_place(0, y, COLUMNS, 1)))
            number, y, x, tallest = number + 1, y + 1, 0, 0
            for panel in row.panels:
                height = panel.height or HEIGHTS[panel.kind]
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                built = self._panel(panel).id(number).grid_pos(_place(x, y, panel.width, height))
                if panel.kind in ("lines", "state"):
                    built = built.interval(_finest(board))
                made = made.with_panel(built)
                number, x, tallest = number + 1, x + panel.width, max(tallest, height)
            y += tallest
        return made.build()

    def _say(self, text: Say | str) -> str:
        return text if isinstance(text, str) else text.within(self._language)

    def _menu(self) -> Any:
        title = self._say(Say("Guardian 仪表盘", "Guardian dashboards"))
        return (
            dashboard.DashboardLink(title)
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([LINKED, self._language])
            .as_dropdown(as_dropdown=True)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )

    def _source(self) -> Any:
        label = self._say(Say("数据源", "Data source"))
        return dashboard.DatasourceVariable("datasource").label(label).type("prometheus")

    def _variable(self, variable: Variable) -> Any:
        made = (
            dashboard.QueryVariable(variable.name)
            .label(self._say(variable.title))
            .query(variable.query)
            .datasource(SOURCE)
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
        )
        # `.*` and not a list of ten thousand names: a query has to stay short.
        return made.multi(multi=True).include_all(include_all=True).all_value(".*") if variable.many else made

    def _panel(self, panel: Panel) -> Any:
        made = {
            "stat": self._stat,
            "lines": self._lines,
            "bars": self._bars,
            "table": self._table,
            "state": self._states,
        }[panel.kind](panel)
        made = (
            made.title(self._say(panel.title))
            .description(self._say(panel.about))
            .datasource(SOURCE)
            .unit(self._unit(panel.unit))
            .thresholds(
                dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(_steps(panel.steps, panel.unit))
            )
        )
        if panel.unit in SPANS and panel.kind in ("stat", "bars"):
            made = made.decimals(1)
        if panel.values:
            made = made.mappings([self._mapping(panel.values)])
        if panel.empty is not None:
            made = made.no_value(self._say(panel.empty))
        if panel.most is not None:
            made = made.max(panel.most)
        for name, query in zip("ABCDEFGH", panel.queries, strict=False):
            made = made.with_target(self._target(panel, query, name))
            if query.colour:
                colour = {"mode": "fixed", "fixedColor": query.colour}
                made = made.override_by_query(name, [models.DynamicConfigValue(id_val="color", value=colour)])
        return made

    def _unit(self, unit: Unit) -> str:
        return f"suffix: {self._say(SPANS[unit][1])}" if unit in SPANS else unit

    def _target(self, panel: Panel, query: Query, name: str) -> Any:
        column = panel.columns.get("Value") or panel.columns.get(f"Value #{name}")
        unit = column.unit if column and column.unit else panel.unit
        expression = once(query.expr.replace("<lang>", self._language))
        made = (
            prometheus.Dataquery()
            .expr(f"({expression}) / {SPANS[unit][0]}" if unit in SPANS and unit != "seconds" else expression)
            .ref_id(name)
            .legend_format(self._say(query.legend).replace("<lang>", self._language) or "__auto")
        )
        if panel.kind in ("lines", "state"):
            return made.range()
        made = made.instant()
        return made.format(PromQueryFormat.TABLE) if panel.kind == "table" else made

    def _stat(self, panel: Panel) -> Any:
        coloured = shapes.BigValueColorMode.BACKGROUND if len(panel.steps) > 1 or panel.values else _VALUE
        made = (
            stat.Panel()
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .color_mode(coloured)
            .graph_mode(shapes.BigValueGraphMode.NONE)
        )
        return made.text_mode(shapes.BigValueTextMode.NAME) if panel.named else made

    def _lines(self, panel: Panel) -> Any:
        made = (
            timeseries.Panel()
            .line_width(0 if panel.stacked else 1)
            .fill_opacity(70 if panel.stacked else 0)
            .show_points(shapes.VisibilityMode.NEVER)
            .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
            .legend(
                common.VizLegendOptions()
                .show_legend(show_legend=True)
                .display_mode(shapes.LegendDisplayMode.LIST)
                .placement(shapes.LegendPlacement.BOTTOM)
            )
        )
        if panel.least is not None:
            made = made.min(panel.least)
        # Nothing but noughts: without it the axis ends at 10,000 %, or at a hundred things.
        made = made.axis_soft_max(1.1 if panel.limits else 0.1) if panel.unit == "percentunit" else made
        made = made.decimals(0).axis_soft_max(4) if panel.unit == "short" else made
        if panel.limits:
            made = made.thresholds_style(
                common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
            )
        if panel.stacked:
            made = made.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
        return made

    def _bars(self, _panel: Panel) -> Any:
        return (
            bargauge.Panel()
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .orientation(shapes.VizOrientation.HORIZONTAL)
            .display_mode(shapes.BarGaugeDisplayMode.BASIC)
            .name_placement(shapes.BarGaugeNamePlacement.LEFT)
            # One bar alone is not to fill the panel.
            .sizing(shapes.BarGaugeSizing.MANUAL)
            .min_viz_height(16)
            .max_viz_height(26)
            .min(0)
        )

    def _states(self, _panel: Panel) -> Any:
        return (
            statetimeline.Panel()
            .show_value(shapes.VisibilityMode.NEVER)
            .row_height(0.9)
            .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM))
        )

    def _table(self, panel: Panel) -> Any:
        made = table.Panel().show_header(show_header=True)
        titles = {label.replace("<lang>", self._language): column for label, column in panel.columns.items()}
        names = {label: self._say(column.title) for label, column in titles.items()}
        for transformation in _arranged(names, len(panel.queries)):
            made = made.with_transformation(transformation)
        if panel.sort:
            order = common.TableSortByFieldState().display_name(names[panel.sort.removeprefix("-")])
            made = made.sort_by([order.desc(desc=panel.sort.startswith("-"))])
        # A code of a region is a string, and no number to be shortened.
        nothing = models.DynamicConfigValue(id_val="noValue", value=NOT_THERE)
        made = made.override_by_field_type(
            "string", [nothing, models.DynamicConfigValue(id_val="unit", value="string")]
        )
        made = made.override_by_field_type("number", [nothing])
        for label, column in titles.items():
            if properties := self._column(panel, label, column):
                made = made.override_by_name(names[label], properties)
        return made

    def _column(self, panel: Panel, label: str, column: Column) -> list[models.DynamicConfigValue]:
        """What is particular to a column, as overrides."""
        value = label == "Value"
        steps = column.steps or (panel.steps if value and len(panel.steps) > 1 else ())
        unit = column.unit or (panel.unit if value else None)
        said: dict[str, Any] = {}
        if column.unit:
            said["unit"] = self._unit(column.unit)
        if unit in SPANS or unit == "percentunit":
            said["decimals"] = 1
        if column.steps:
            thresholds = _steps(column.steps, column.unit)
            said["thresholds"] = {
                "mode": "absolute",
                "steps": [{"value": one.value, "color": one.color} for one in thresholds],
            }
        if column.values:
            said["mappings"] = [json.loads(JSONEncoder().encode(self._mapping(column.values)))]
        if column.gauge:
            said["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            said |= {"min": 0, "max": 1}
        elif steps or column.values or (value and panel.values):
            said["custom.cellOptions"] = {"type": "color-text"}
        if column.width:
            said["custom.width"] = column.width
        if column.link:
            url, title = column.link
            said["links"] = [{"title": self._say(title), "url": url.replace("<lang>", self._language)}]
        return [models.DynamicConfigValue(id_val=key, value=setting) for key, setting in said.items()]

    def _mapping(self, values: Values) -> Any:
        options = {
            value if isinstance(value, str) else f"{value:g}": models.ValueMappingResult(
                text=self._say(text), color=colour or None, index=index
            )
            for index, (value, (text, colour)) in enumerate(values.items())
        }
        return models.ValueMap(options=options)


_VALUE: Final = shapes.BigValueColorMode.VALUE


_RAW: Final = re.compile(r"\bguardian_[a-z0-9_]+(?:\{[^{}]*\})?(?: @ end\(\))?(?!\{|\[|[a-z0-9_:])")


def once(expression: str) -> str:
    """The same question, in which a host that is scraped itself and told of by a hub counts once.

    What rules record is one series a plan already; counters are asked of the agents alone.
    """
    tidy = re.sub(r",\s*\}", "}", expression).replace("{}", "")
    return _RAW.sub(lambda found: f"max without (job, instance, network) ({found[0]})", tidy)


def _finest(board: Board) -> str:
    """The time between two points, at least: what a week or a month says is not said better by a point a pixel."""
    return next(step for hours, step in _FINEST if board.hours >= hours)


def _place(x: int, y: int, width: int, height: int) -> models.GridPos:
    return models.GridPos(h=height, w=width, x=x, y=y)


def _steps(steps: Steps, unit: Unit | None) -> list[models.Threshold]:
    span = SPANS[unit][0] if unit in SPANS else 1
    return [models.Threshold(value=None if at is None else at / span, color=colour) for at, colour in steps]


def _arranged(names: dict[str, str], queries: int) -> Iterator[models.DataTransformerConfig]:
    """One row a series, with the columns that are named and no others, in their order."""
    if queries > 1:
        yield models.DataTransformerConfig(id_val="merge", options={})
    yield models.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
    order = {label: place for place, label in enumerate(names)}
    yield models.DataTransformerConfig(id_val="organize", options={"indexByName": order, "renameByName": names})
