"""PromQL read with a list of metrics at hand: what an expression selects, which labels its answer has, what is wrong.

An expression with a misspelt metric, label or label value is valid PromQL, and never returns anything. Prometheus
cannot tell; whoever knows every metric, label and value can. Knows nothing of what the metrics mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import promql_parser as promql
from promql_parser import MatchOp, VectorSelector

#: The values of a label: a closed set of them, or None if they are not known beforehand.
Values = frozenset[str] | None
#: Each series name with its labels.
Schema = Mapping[str, Mapping[str, Values]]

#: What the scrape adds, by the Prometheus operator's names.
TARGET: Final = frozenset({"job", "instance", "namespace", "service", "endpoint", "container", "pod"})
#: What Prometheus itself knows of a target.
SCRAPED: Final = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped"})
_SCALARS: Final = frozenset({"time", "scalar", "vector", "pi"})


class Problem(NamedTuple):
    """Why an expression cannot return what it is to."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def selectors(expression: str) -> list[VectorSelector]:
    """Every selector in it."""
    return [one for one in _nodes(promql.parse(expression)) if isinstance(one, VectorSelector)]


def names(expression: str) -> set[str]:
    """Every series name in it."""
    return {one.name for one in selectors(expression) if one.name}


def labels(expression: str, schema: Schema) -> frozenset[str]:
    """The labels that its answer can have."""
    return _labels(promql.parse(expression), schema)


def problems(expression: str, schema: Schema) -> list[Problem]:
    """What is misspelt in it: metrics, labels, label values, labels to group and to match by."""
    found: list[Problem] = []
    for node in _nodes(promql.parse(expression)):
        if isinstance(node, VectorSelector):
            found += _selector(node, schema)
        elif isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            found += _unknown(node.modifier.labels, _labels(node.expr, schema), f"{node}")
        elif isinstance(node, promql.BinaryExpr) and node.modifier is not None and node.modifier.matching is not None:
            for side in (node.lhs, node.rhs):
                found += _unknown(node.modifier.matching.labels, _labels(side, schema), f"{side}")
    return found


def _selector(node: VectorSelector, schema: Schema) -> Iterator[Problem]:
    where, known = f"{node}", _series(node.name, schema)
    if known is None:
        yield Problem(where, f"no such metric: {node.name}")
        return
    for matcher in node.matchers.matchers:
        if matcher.name not in known:
            yield Problem(where, f"{node.name} has no label {matcher.name}")
            continue
        values = known[matcher.name]
        if values is None or not matcher.value:
            continue
        # An alternative of a regular expression that matches nothing is as dead as a wrong value.
        is_pattern = matcher.op in (MatchOp.Re, MatchOp.NotRe)
        for value in matcher.value.split("|") if is_pattern else [matcher.value]:
            pattern = value if is_pattern else re.escape(value)
            if not any(re.fullmatch(pattern, one) for one in values):
                yield Problem(where, f"{matcher.name} is never {value!r}: it is one of {', '.join(sorted(values))}")


def _unknown(wanted: list[str], known: frozenset[str], where: str) -> Iterator[Problem]:
    for label in wanted:
        if label not in known:
            yield Problem(where, f"has no label {label}: it has {', '.join(sorted(known))}")


def _series(name: str | None, schema: Schema) -> Mapping[str, Values] | None:
    target = dict.fromkeys(TARGET)
    if name in SCRAPED:
        return target
    own = schema.get(name or "")
    return None if own is None else {**target, **own}


def _labels(node: promql.Expr, schema: Schema) -> frozenset[str]:
    match node:
        case promql.VectorSelector():
            return frozenset(_series(node.name, schema) or ())
        case promql.MatrixSelector():
            return _labels(node.vector_selector, schema)
        case promql.AggregateExpr():
            return _aggregated(node, _labels(node.expr, schema))
        case promql.BinaryExpr():
            return _joined(node, _labels(node.lhs, schema), _labels(node.rhs, schema))
        case promql.Call():
            return _called(node, schema)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, schema)
        case _:
            return frozenset()


def _aggregated(node: promql.AggregateExpr, inner: frozenset[str]) -> frozenset[str]:
    if str(node).startswith(("topk", "bottomk")):
        return inner
    if node.modifier is None:
        return frozenset()
    listed = frozenset(node.modifier.labels)
    return inner & listed if node.modifier.type == promql.AggModifierType.By else inner - listed


def _joined(node: promql.BinaryExpr, left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    modifier = node.modifier
    if modifier is None or modifier.matching is None or _is_set(node):
        return left or right
    extra = frozenset(modifier.group_labels or ())
    if modifier.card == promql.VectorMatchCardinality.ManyToOne:
        return left | extra
    if modifier.card == promql.VectorMatchCardinality.OneToMany:
        return right | extra
    listed = frozenset(modifier.matching.labels)
    return left & listed if modifier.matching.type == promql.LabelModifierType.Include else left - listed


def _is_set(node: promql.BinaryExpr) -> bool:
    return node.modifier is not None and node.modifier.card == promql.VectorMatchCardinality.ManyToMany


def _called(node: promql.Call, schema: Schema) -> frozenset[str]:
    name = node.func.name
    if name in _SCALARS:
        return frozenset()
    inner = frozenset[str]().union(*(_labels(one, schema) for one in node.args))
    if name.startswith("absent"):
        (selector,) = [one for one in _nodes(node) if isinstance(one, VectorSelector)]
        return frozenset(one.name for one in selector.matchers.matchers if one.op == MatchOp.Equal)
    if name == "histogram_quantile":
        return inner - {"le"}
    if name in {"label_replace", "label_join"}:
        return inner | {str(node.args[1].val)}
    return inner


def _nodes(node: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    keep: Callable[[promql.Expr], None] = found.append
    promql.walk(node, keep)
    return found
