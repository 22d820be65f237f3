"""Metrics behind the Observer protocol."""

from __future__ import annotations

import re

import pytest
import structlog
from prometheus_client import generate_latest
from structlog.testing import capture_logs

import inplace
from inplace.runtime.observe import METRICS, Observer
from inplace.serve.metrics import OWN_METRICS, Metrics

ALL = (*METRICS, *OWN_METRICS)


@pytest.fixture(autouse=True)
def _fresh_structlog():
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_it_is_an_observer():
    observer: Observer = Metrics()
    assert observer is not None


def test_every_metric_of_both_tables_is_there_before_its_first_event():
    text = generate_latest(Metrics().registry).decode()
    for one in ALL:
        assert f"# TYPE {one.name} {one.kind}" in text


def test_names_follow_prometheus_conventions():
    assert len({one.name for one in ALL}) == len(ALL)
    for one in ALL:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", one.name)
        assert one.help.endswith(".")
        assert one.name.endswith("_total") == (one.kind == "counter")
        if one.kind == "histogram":
            assert one.name.endswith("_seconds")


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_no_label_grows_with_the_cluster(one):
    assert not {"pod", "workload", "namespace", "node", "image", "uid"} & set(one.labels)


def test_counters_gauges_and_histograms():
    metrics = Metrics()
    metrics.count("inplace_pods_failed_total", kind="StatefulSet", code="ImagePull")
    metrics.count("inplace_pods_failed_total", 2, kind="StatefulSet", code="ImagePull")
    metrics.gauge("inplace_workloads", 3, kind="StatefulSet", phase="Paused")
    metrics.gauge("inplace_workloads", 0, kind="StatefulSet", phase="Paused")
    metrics.observe("inplace_pod_upgrade_seconds", 4.0, kind="StatefulSet")
    assert value(metrics, "inplace_pods_failed_total", kind="StatefulSet", code="ImagePull") == 3
    assert value(metrics, "inplace_workloads", kind="StatefulSet", phase="Paused") == 0
    assert value(metrics, "inplace_pod_upgrade_seconds_sum", kind="StatefulSet") == 4
    assert value(metrics, "inplace_pod_upgrade_seconds_bucket", kind="StatefulSet", le="3.0") == 0
    assert value(metrics, "inplace_pod_upgrade_seconds_bucket", kind="StatefulSet", le="5.0") == 1


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
        metrics = Metrics()
        for _ in range(3):
            metrics.count("inplace_typo_total")
        metrics.count("inplace_pods_failed_total", pod="web-0")
        metrics.observe("inplace_workloads", 1.0, kind="x", phase="y")
    assert [(log["event"], log["metric"]) for log in logs] == [
        ("metric.unknown", "inplace_typo_total"),
        ("metric.unknown", "inplace_pods_failed_total"),
    ]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_events_are_logged_at_their_level(level):
    with capture_logs() as logs:
        Metrics().event("pod.patched", level=level, pod="web-0")
    assert logs == [{"event": "pod.patched", "log_level": level, "pod": "web-0"}]


def test_an_event_without_a_level_is_information_and_no_field_is_lost():
    with capture_logs() as logs:
        Metrics().event("pod.patched", event="x")
    assert logs == [{"event": "pod.patched", "log_level": "info", "event_": "x"}]
