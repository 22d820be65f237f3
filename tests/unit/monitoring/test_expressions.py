"""What is misspelt in an expression is found: metric, label, value, and labels to group and to match by."""

from __future__ import annotations

import pytest

from hack.monitoring import expressions

SCHEMA: expressions.Schema = {
    "phases": {"phase": frozenset({"Paused", "Degraded"}), "kind": frozenset({"DaemonSet"})},
    "builds": {"version": None},
    "lag_bucket": {"le": None},
}


@pytest.mark.parametrize(
    "expression",
    [
        'phases{phase="Paused"}',
        'phases{phase=~"Paused|Deg.+", job="x"}',
        'phases{phase!=""}',
        'builds{version="anything"}',
        "sum by (namespace, phase) (rate(phases[5m]))",
        "phases and on (instance) builds",
        "histogram_quantile(0.9, sum by (le, pod) (rate(lag_bucket[5m])))",
        "up == 0",
    ],
)
def test_nothing_is_wrong(expression):
    assert expressions.problems(expression, SCHEMA) == []


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("phase", "no such metric: phase"),
        ('phases{fase="Paused"}', "phases has no label fase"),
        ('phases{phase="paused"}', "phase is never 'paused': it is one of Degraded, Paused"),
        ('phases{phase!="paused"}', "phase is never 'paused'"),
        ('phases{phase=~"Paused|Degrade"}', "phase is never 'Degrade'"),
        ("sum by (fase) (phases)", "has no label fase"),
        ("sum without (fase) (phases)", "has no label fase"),
        ("sum by (phase) (sum by (kind) (phases))", "has no label phase"),
        ("phases and on (instance, version) builds", "has no label version"),
        ("sum by (kind) (phases) > 0 unless on (pod) builds", "has no label pod"),
        ('absent(phases{phase="paused"})', "phase is never 'paused'"),
        ("max_over_time(phase[1d:1m])", "no such metric: phase"),
    ],
)
def test_what_can_never_return_anything_is_found(expression, what):
    (problem,) = expressions.problems(expression, SCHEMA)
    assert what in str(problem)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("sum(phases)", set()),
        ("max by (job, kind) (phases) > 3", {"job", "kind"}),
        ("sum without (kind) (builds)", {"version", *expressions.TARGET}),
        ("sum by (job) (phases) / on (job) group_left (version) builds", {"job", "version"}),
        ("sum by (job, kind) (phases) / on (job) sum by (job) (phases)", {"job"}),
        ('absent(phases{phase="Paused", kind=~".+"})', {"phase"}),
        ("histogram_quantile(0.9, sum by (le, job) (rate(lag_bucket[5m])))", {"job"}),
        ("time() - max by (pod) (builds)", {"pod"}),
        ("topk(3, sum by (kind) (phases))", {"kind"}),
        ('label_replace(sum by (kind) (phases), "short", "$1", "kind", "(.).+")', {"kind", "short"}),
    ],
)
def test_the_labels_of_an_answer(expression, labels):
    assert expressions.labels(expression, SCHEMA) == labels
