"""Metrics behind the Observer protocol."""

from __future__ import annotations

import re
from functools import partial
from math import prod

import pytest
import structlog
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

import inplace
from inplace.controller.metrics import TABLE
from inplace.runtime.observe import Label, Metric, Observer
from inplace.serve.metrics import AT_ONCE, OTHER, Metrics, is_complete

SAMPLED = Metric("inplace_things", "gauge", "Things.", (Label("sort", ("a", "b")),), sampled=True)
#: Whose number of series is bounded by something else than a closed set.
BOUNDED = {"host", "version", "namespace", "name"}


@pytest.fixture(autouse=True)
def _fresh_structlog():
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def lines(metrics):
    return generate_latest(metrics.registry).decode().splitlines()


def test_it_is_an_observer():
    observer: Observer = Metrics()
    assert observer is not None


def test_every_metric_of_the_table_is_there_before_its_first_event():
    found = lines(Metrics(TABLE))
    for one in TABLE:
        assert f"# TYPE {one.name} {one.kind}" in found


def test_names_follow_prometheus_conventions():
    assert len({one.name for one in TABLE}) == len(TABLE)
    for one in TABLE:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", one.name)
        assert one.help.endswith(".")
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert one.kind != "histogram" or one.name.endswith("_seconds")
        assert not one.sampled or one.kind == "gauge"
        assert one.name.startswith(
            ("inplace_", "controller_runtime_", "workqueue_", "rest_client_", "leader_election_")
        )


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
def test_every_label_has_a_closed_set_of_values_or_says_what_bounds_it(one):
    for label in one.labels:
        assert re.fullmatch(r"[a-z_]+", label.name)
        assert len(set(label.values)) == len(label.values)
        assert bool(label.values) != bool(label.bound)
        assert label.values or label.name in BOUNDED, label
        assert (
            label.values
            or label.name not in {"namespace", "name"}
            or one.name
            in {
                "inplace_workload_info",
                "leader_election_master_status",
            }
        )


@pytest.mark.parametrize("one", [one for one in TABLE if not one.sampled], ids=lambda one: one.name)
def test_a_value_that_is_none_of_its_labels_makes_no_series_of_its_own(one):
    """For each label in turn; two such values share one series, and the log says so once."""
    report = {"counter": "count", "gauge": "gauge", "histogram": "observe"}[one.kind]
    good = {label.name: (label.values or ("x",))[0] for label in one.labels}
    for label in one.labels:
        with capture_logs() as logs:
            metrics = Metrics([one])
            for value in ("strange", "stranger"):
                getattr(metrics, report)(one.name, 1, **{**good, label.name: value})
        seen = {sample.labels.get(label.name) for sample in samples(metrics, one.name)}
        if label.values:
            assert OTHER in seen
            assert not {"strange", "stranger"} & seen
            assert [(log["event"], log["label"]) for log in logs] == [("metric.value_unknown", label.name)]
        else:
            assert {"strange", "stranger"} <= seen


def samples(metrics, name):
    family = name.removesuffix("_total")
    return [one for each in metrics.registry.collect() if each.name == family for one in each.samples]


def test_counters_gauges_and_histograms():
    metrics = Metrics(TABLE)
    metrics.count("inplace_pods_failed_total", kind="StatefulSet", code="ImagePull")
    metrics.count("inplace_pods_failed_total", 2, kind="StatefulSet", code="ImagePull")
    metrics.gauge("controller_runtime_active_workers", 3, controller="workloads")
    metrics.gauge("controller_runtime_active_workers", 2, controller="workloads")
    metrics.observe("inplace_pod_upgrade_seconds", 4.0, kind="StatefulSet")
    assert value(metrics, "inplace_pods_failed_total", kind="StatefulSet", code="ImagePull") == 3
    assert value(metrics, "controller_runtime_active_workers", controller="workloads") == 2
    assert value(metrics, "inplace_pod_upgrade_seconds_sum", kind="StatefulSet") == 4
    assert value(metrics, "inplace_pod_upgrade_seconds_bucket", kind="StatefulSet", le="3.0") == 0
    assert value(metrics, "inplace_pod_upgrade_seconds_bucket", kind="StatefulSet", le="5.0") == 1


def test_no_series_says_when_another_was_created():
    metrics = Metrics(TABLE)
    metrics.count("inplace_settings_errors_total", kind="StatefulSet")
    metrics.observe("inplace_pod_upgrade_seconds", 4.0, kind="StatefulSet")
    assert not [line for line in lines(metrics) if "_created" in line]
    openmetrics = openmetrics_text(metrics.registry).decode()
    assert "inplace_settings_errors_total{" in openmetrics
    assert "_created" not in openmetrics


def filled():
    """A series of every metric."""
    metrics = Metrics(TABLE)
    reports = {"counter": metrics.count, "gauge": metrics.gauge, "histogram": metrics.observe}
    for one in TABLE:
        labels = {label.name: (label.values or ("x",))[0] for label in one.labels}
        if one.sampled:
            metrics.sample(one.name, partial(dict[tuple[str, ...], float], {tuple(labels.values()): 1.0}))
        else:
            reports[one.kind](one.name, 1, **labels)
    return metrics


def test_the_text_is_sound_by_the_rules_of_prometheus():
    """The rules of `promtool check metrics`; tests/e2e asks promtool itself."""
    families = {one.name: one for one in text_string_to_metric_families(generate_latest(filled().registry).decode())}
    series = [
        (sample.name, tuple(sorted(sample.labels.items()))) for one in families.values() for sample in one.samples
    ]
    assert len(series) == len(set(series))
    for one in TABLE:
        family = families[one.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (one.kind, one.help)
        assert family.samples
        words = one.name.split("_")
        assert not {"gauge", "counter", "histogram", "ms", "sec", "minutes", "kb"} & set(words)
        assert one.kind == "histogram" or words[-1] not in {"bucket", "count", "sum"}
        assert not {"le", "quantile", "job", "instance"} & {label.name for label in one.labels}


def test_a_counter_of_few_series_has_all_of_them_from_the_start():
    metrics = Metrics(TABLE)
    assert value(metrics, "inplace_upgrades_total", kind="Deployment", result="rolled_back") == 0
    assert (
        value(metrics, "inplace_upgrade_failures_total", kind="Deployment", result="failed", reason="OOMKilled") is None
    )
    for one in TABLE:
        expected = prod(len(label.values) for label in one.labels)
        assert not is_complete(one) or len(samples(metrics, one.name)) == expected <= AT_ONCE


def test_a_sampled_gauge_is_read_at_every_look_and_what_is_left_out_vanishes():
    metrics, things = Metrics([SAMPLED]), dict[tuple[str, ...], float]()
    things[("a",)] = 1
    assert "inplace_things{" not in str(lines(metrics)), "nobody has said what it is yet"
    metrics.sample("inplace_things", lambda: things)
    assert value(metrics, "inplace_things", sort="a") == 1
    things[("a",)] = 2
    assert value(metrics, "inplace_things", sort="a") == 2
    things.clear()
    assert value(metrics, "inplace_things", sort="a") is None


def test_the_last_reader_of_a_sampled_gauge_counts_and_strange_values_share_one_series():
    metrics = Metrics([SAMPLED])
    metrics.sample("inplace_things", lambda: {("a",): 1})
    with capture_logs():
        metrics.sample("inplace_things", lambda: {("x",): 2, ("y",): 3, ("b",): 4})
        found = {sample.labels["sort"]: sample.value for sample in samples(metrics, "inplace_things")}
    assert found == {OTHER: 5, "b": 4}


def test_metrics_without_labels():
    metrics = Metrics()
    metrics.count("inplace_events_dropped_total")
    assert value(metrics, "inplace_events_dropped_total") == 1


def test_the_version_and_the_process_are_shown():
    metrics = Metrics()
    assert value(metrics, "inplace_build_info", version=inplace.__version__) == 1
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 0


def test_two_of_them_do_not_meet():
    first, second = Metrics(), Metrics()
    first.count("inplace_events_dropped_total")
    assert value(second, "inplace_events_dropped_total") == 0


def test_what_no_table_has_is_said_once_and_never_raises():
    with capture_logs() as logs:
        metrics = Metrics(TABLE)
        for _ in range(3):
            metrics.count("inplace_typo_total")
        metrics.count("inplace_pods_failed_total", pod="web-0")
        metrics.observe("controller_runtime_active_workers", 1.0, controller="workloads")
        metrics.gauge("inplace_workloads", 1, kind="Deployment", phase="Paused")
        metrics.sample("inplace_events_dropped_total", dict)
    assert [(log["event"], log["metric"]) for log in logs] == [
        ("metric.unknown", "inplace_typo_total"),
        ("metric.unknown", "inplace_pods_failed_total"),
        ("metric.unknown", "controller_runtime_active_workers"),
        ("metric.unknown", "inplace_workloads"),
        ("metric.unknown", "inplace_events_dropped_total"),
    ]
    assert value(metrics, "controller_runtime_active_workers", controller="workloads") is None


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_events_are_logged_at_their_level(level):
    with capture_logs() as logs:
        Metrics().event("pod.patched", level=level, pod="web-0")
    assert logs == [{"event": "pod.patched", "log_level": level, "pod": "web-0"}]


def test_an_event_without_a_level_is_information_and_no_field_is_lost():
    with capture_logs() as logs:
        Metrics().event("pod.patched", event="x")
    assert logs == [{"event": "pod.patched", "log_level": "info", "event_": "x"}]
