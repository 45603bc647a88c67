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

from dashboards.noun import Board, Language, Panel, Query, Say, Variable

COLUMNS: Final = 24
HEIGHTS: Final = {"stat": 4, "lines": 8, "bars": 8, "table": 9, "state": 8}
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_FINEST: Final = ((720, "1h"), (336, "30m"), (168, "15m"), (0, "1m"))
LINKED: Final = "guardian"
"""Every dashboard has this tag, and a menu of all that have it."""


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
            .unit(panel.unit)
            .thresholds(_thresholds(panel))
        )
        if panel.values:
            made = made.mappings([self._mapping(panel)])
        if panel.empty is not None:
            made = made.no_value(self._say(panel.empty))
        if panel.most is not None:
            made = made.max(panel.most)
        for name, query in zip("ABCDEFGH", panel.queries, strict=False):
            made = made.with_target(self._target(panel, query, name))
        return made

    def _target(self, panel: Panel, query: Query, name: str) -> Any:
        made = (
            prometheus.Dataquery()
            .expr(once(query.expr))
            .ref_id(name)
            .legend_format(self._say(query.legend) or "__auto")
        )
        if panel.kind in ("lines", "state"):
            return made.range()
        made = made.instant()
        return made.format(PromQueryFormat.TABLE) if panel.kind == "table" else made

    def _stat(self, panel: Panel) -> Any:
        coloured = shapes.BigValueColorMode.BACKGROUND if len(panel.steps) > 1 or panel.values else _VALUE
        return (
            stat.Panel()
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .color_mode(coloured)
            .graph_mode(shapes.BigValueGraphMode.NONE)
        )

    def _lines(self, panel: Panel) -> Any:
        made = (
            timeseries.Panel()
            .line_width(1)
            .fill_opacity(10 if not panel.stacked else 60)
            .min(0)
            .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
            .legend(
                common.VizLegendOptions()
                .show_legend(show_legend=True)
                .display_mode(shapes.LegendDisplayMode.LIST)
                .placement(shapes.LegendPlacement.BOTTOM)
            )
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
        made = table.Panel().filterable(filterable=True).show_header(show_header=True)
        names = {label: self._say(title) for label, title in panel.columns.items()}
        for transformation in _arranged(names, len(panel.queries)):
            made = made.with_transformation(transformation)
        for label, (url, title) in panel.links.items():
            link = {"title": self._say(title), "url": url.replace("{lang}", self._language)}
            made = made.override_by_name(names[label], [models.DynamicConfigValue(id_val="links", value=[link])])
        return made

    def _mapping(self, panel: Panel) -> Any:
        options = {
            f"{value:g}": models.ValueMappingResult(text=self._say(text), color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(panel.values.items())
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


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=value, color=colour) for value, colour in panel.steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _arranged(names: dict[str, str], queries: int) -> Iterator[models.DataTransformerConfig]:
    """One row a series, with the columns that are named and no others, in their order."""
    if queries > 1:
        yield models.DataTransformerConfig(id_val="merge", options={})
    yield models.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
    order = {label: place for place, label in enumerate(names)}
    yield models.DataTransformerConfig(id_val="organize", options={"indexByName": order, "renameByName": names})
