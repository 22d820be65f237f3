"""The Grafana dashboard, made from the rows; the JSON is what Grafana imports.

Knows Grafana's format by its own library, and nothing of the metrics.
"""

from __future__ import annotations

import itertools
from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)

from hack.monitoring import controller_rows, workload_rows
from hack.monitoring.panels import Panel

UID: Final = "inplace"
ROWS: Final = (*workload_rows.ROWS, *controller_rows.ROWS)
#: The installations that are chosen at the top.
SELECTED: Final = 'namespace=~"$namespace", job=~"$job"'
_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: Grafana's grid is 24 wide.
_WIDTHS: Final = {"stat": 4, "bars": 8, "lines": 8, "stack": 8, "events": 8}
_HEIGHTS: Final = {"stat": 4, "bars": 8, "lines": 8, "stack": 8, "events": 8}

_Builder = stat.Panel | bargauge.Panel | timeseries.Panel


def render() -> str:
    """The whole dashboard, as committed."""
    made = (
        dashboard.Dashboard("inplace")
        .uid(UID)
        .description("What is opted in, how upgrades end and what they wait for; and how the controller does.")
        .tags(["inplace", "kubernetes"])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables(_variables())
    )
    ids = itertools.count(1)
    for row in ROWS:
        made = made.with_row(dashboard.Row(row.title).id(next(ids)))
        for panel in row.panels:
            made = made.with_panel(_panel(panel).id(next(ids)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def expression(text: str) -> str:
    """A query of `panels` as Grafana has it."""
    return text.replace("SELECTED", SELECTED)


def _variables() -> list[Builder[models.VariableModel]]:
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _choice("namespace", "Namespace", "label_values(inplace_build_info, namespace)"),
        _choice("job", "Job", 'label_values(inplace_build_info{namespace=~"$namespace"}, job)'),
    ]


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(_SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
    )


def _panel(panel: Panel) -> _Builder:
    made = _of_shape(panel)
    made = made.title(panel.title).description(panel.description).unit(panel.unit).datasource(_SOURCE).min(0)
    made = made.span(_WIDTHS[panel.shape]).height(_HEIGHTS[panel.shape])
    for number, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(expression(query.expression)).legend_format(query.legend)
        target = target.ref_id(chr(ord("A") + number))
        made = made.with_target(target.instant() if panel.shape in {"stat", "bars"} else target.range())
    return made


def _of_shape(panel: Panel) -> _Builder:
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    match panel.shape:
        case "stat":
            made = stat.Panel().color_mode(BigValueColorMode.VALUE).reduce_options(last).no_value("none")
            return made.thresholds(_thresholds(panel))
        case "bars":
            return bargauge.Panel().orientation(VizOrientation.HORIZONTAL).reduce_options(last).no_value("none")
        case "lines":
            return _over_time()
        case "stack":
            return _over_time().stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
        case "events":
            stacked = common.StackingConfig().mode(StackingMode.NORMAL)
            return _over_time().stacking(stacked).draw_style(GraphDrawStyle.BARS).fill_opacity(60)


def _over_time() -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    return timeseries.Panel().legend(legend.display_mode(LegendDisplayMode.LIST)).tooltip(tooltip)


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=value, color=color) for value, color in panel.colors]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
