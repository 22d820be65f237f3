"""Rows, panels and queries of a dashboard; `workload_rows` and `controller_rows` are the tables of them.

SELECTED stands for the installations chosen at the top of the dashboard. Rates and increases are taken over
`$__rate_interval` where they are drawn over time, and over `$__range` where one number stands for the whole of it:
upgrades are rare. Knows nothing of Grafana's format.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: stat: one number; bars: one for each series, over the whole time; lines, stack, events: over time.
Shape = Literal["stat", "bars", "lines", "stack", "events"]


class Query(NamedTuple):
    """One query, and what its series are called. `rare`: when it returns nothing although all is well."""

    expression: str
    legend: str
    rare: str = ""


class Panel(NamedTuple):
    """One panel. `unit` is Grafana's; `colors` are those of a stat, each from its number upwards."""

    title: str
    description: str
    shape: Shape
    unit: str
    queries: tuple[Query, ...]
    colors: tuple[tuple[float | None, str], ...] = ((None, "green"),)


class Row(NamedTuple):
    """A heading, and what is below it."""

    title: str
    panels: tuple[Panel, ...]


def quantiles(metric: str, by: str, rare: str = "") -> tuple[Query, ...]:
    """The median and the 90th percentile over the whole time."""
    return tuple(
        Query(
            f"histogram_quantile({q}, sum by (le, {by}) (increase({metric}_bucket{{SELECTED}}[$__range])))",
            f"{{{{{by}}}}} {name}",
            rare,
        )
        for q, name in ((0.5, "median"), (0.9, "90 %"))
    )


def slowest(metric: str, by: str, rare: str = "") -> Query:
    """The 99th percentile over time."""
    rate = f"rate({metric}_bucket{{SELECTED}}[$__rate_interval])"
    return Query(f"histogram_quantile(0.99, sum by (le, {by}) ({rate}))", f"{{{{{by}}}}}", rare)
