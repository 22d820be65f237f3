"""Alerts and dashboard are about metrics, labels and values that exist; nothing is stale; all is explained."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from hack.monitoring import __main__ as command
from hack.monitoring import dashboard, expressions, rules
from hack.monitoring.schema import schema
from tests.unit import test_log_events as log_events
from tests.unit.monitoring import cases

ALERTS = {alert.name: alert for alert in rules.alerts()}
PANELS = [panel for row in dashboard.ROWS for panel in row.panels]
QUERIES = [dashboard.expression(query.expression) for panel in PANELS for query in panel.queries]
RUNBOOKS = rules.ROOT / "docs/how-to/runbooks.md"
SEVERITIES = {"critical", "warning", "info"}


def test_what_is_generated_is_not_stale():
    assert command.stale() == [], "run: make docs"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_about_what_exists(name):
    assert expressions.problems(ALERTS[name].expression, schema()) == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_speaks_of_labels_that_its_expression_has(name):
    alert = ALERTS[name]
    for text in alert.annotations.values():
        asked = set(re.findall(r"\$labels\.(\w+)", text))
        assert asked <= expressions.labels(alert.expression, schema())


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_complete(name):
    alert = ALERTS[name]
    assert alert.severity in SEVERITIES
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in alert.annotations["summary"], "a summary groups alerts: it is the same for all"
    assert alert.annotations["runbook_url"] == f"{RUNBOOKS.relative_to(rules.ROOT)}#{name.lower()}"


def test_every_alert_is_shown_to_fire_and_not_to():
    assert [case.alert for case in cases.CASES] == list(ALERTS), "a case for each, in their order"


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.alert)
def test_a_case_is_about_series_that_exist(case):
    for series in (*case.series, *case.never):
        assert expressions.problems(series, schema()) == []
        (selector,) = expressions.selectors(series)
        given = {matcher.name for matcher in selector.matchers.matchers}
        assert schema()[selector.name].keys() <= given, "a series has all its labels"
    assert expressions.names(ALERTS[case.alert].expression) <= _names(case.series)


def _names(series):
    return {name for one in series for name in expressions.names(one)}


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_what_it_means_what_to_look_at_and_what_to_do(name):
    sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
    (section,) = [one for one in sections if one.splitlines()[0] == name]
    for part in ("**Meaning.**", "**Look at.**", "**Do.**"):
        assert part in section


def test_no_runbook_is_of_an_alert_that_is_gone():
    assert re.findall(r"^## (Inplace\w+)", RUNBOOKS.read_text(), flags=re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("expression", QUERIES)
def test_a_query_of_the_dashboard_is_about_what_exists(expression):
    text = filled(expression)
    assert expressions.problems(text, schema()) == []
    for selector in expressions.selectors(text):
        chosen = {matcher.name for matcher in selector.matchers.matchers}
        assert {"namespace", "job"} <= chosen, "it is about the installations that are chosen"


def filled(expression):
    for variable, value in {"$__rate_interval": "2m", "$__range": "1h", "$namespace": ".+", "$job": ".+"}.items():
        expression = expression.replace(variable, value)
    return expression


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_is_complete(panel):
    assert panel.title
    assert panel.unit
    assert panel.description.endswith(".")
    over_time = panel.shape in {"lines", "stack", "events"}
    for query in panel.queries:
        text = filled(dashboard.expression(query.expression))
        assert set(re.findall(r"{{(\w+)}}", query.legend)) <= expressions.labels(text, schema())
        assert ("$__range" not in query.expression) or not over_time, "one number for the whole time"
        assert ("$__rate_interval" not in query.expression) or over_time


def test_no_two_panels_have_one_title():
    titles = [panel.title for panel in PANELS]
    assert len(set(titles)) == len(titles)


def test_the_dashboard_is_what_grafana_imports():
    made = json.loads(dashboard.render())
    assert [one["name"] for one in made["templating"]["list"]] == ["datasource", "namespace", "job"]
    assert not made["editable"]
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == len(ids)
    assert [panel["title"] for panel in made["panels"] if panel["type"] == "row"] == [
        row.title for row in dashboard.ROWS
    ]
    shown = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in shown)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in shown)


def test_the_prometheus_rule_has_the_alerts_of_the_file_and_no_others():
    made = yaml.safe_load((rules.FOLDER / "prometheus-rule.yaml").read_text())
    assert (made["apiVersion"], made["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert made["spec"] == rules.content()


def test_what_runbooks_look_for_in_the_log_is_logged_by_default():
    """Where an event is at debug in some cases, what sums these up is looked for too."""
    rows = {row[0].strip("`"): row for row in log_events.rows(4)}
    pattern = r"kubectl logs .*\| grep (?:-\w+ )?'?([^'\n]+?)'?$"
    looked_for = [set(words.split("|")) for words in re.findall(pattern, RUNBOOKS.read_text(), re.MULTILINE)]
    assert len(looked_for) == sum("logs" in line and "| grep" in line for line in RUNBOOKS.read_text().splitlines())
    for events in looked_for:
        assert events <= rows.keys()
        assert "debug" not in {rows[event][1] for event in events}
        partly = [event for event in events if "debug for" in rows[event][3]]
        assert not partly or {"write.stuck", "rights.missing"} <= events
