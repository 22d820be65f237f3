"""Annotations of a workload -> Settings, or errors that name the annotation, the value and what is accepted.

Total: any metadata results in a Settings, with a safe value if one could not be parsed. Does not depend on what the
settings are for.
The meaning of every setting, its default and its rounding: docs/design/product.md, "The vocabulary on objects".
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects import known_keys, names
from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings import grammar
from inplace.core.settings.grammar import (
    MAX_COUNT,
    MAX_GLOBS,
    MAX_GLOBS_TEXT,
    MAX_SECONDS,
    MAX_TEXT,
    Amount,
    Gate,
    GateStep,
    Step,
    amount_of,
)


class Mode(StrEnum):
    """The opt-in: value of the label `inplace.dev/mode`."""

    ONLY = "InPlaceOnly"
    IF_POSSIBLE = "InPlaceIfPossible"


__all__ = [
    "Amount",
    "DisruptionBudgets",
    "DrainPolicy",
    "Gate",
    "GateStep",
    "InitImages",
    "Native",
    "OnFailure",
    "Parsed",
    "PrePullPolicy",
    "Settings",
    "Step",
    "amount_of",
    "parse",
]


class OnFailure(StrEnum):
    """What happens once more than `max-failures` Pods have failed."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class DrainPolicy(StrEnum):
    """Whether a Pod is made unready before its containers are swapped."""

    AUTO = "Auto"
    REQUIRED = "Required"
    NEVER = "Never"


class PrePullPolicy(StrEnum):
    """Whether the image must be on the node before the drain."""

    REQUIRED = "Required"
    BEST_EFFORT = "BestEffort"
    NEVER = "Never"


class InitImages(StrEnum):
    """How a changed image of a plain init container is handled."""

    REFUSE = "Refuse"
    SPEC_ONLY = "SpecOnly"


class DisruptionBudgets(StrEnum):
    """Whether PodDisruptionBudgets are reserved from."""

    RESPECT = "Respect"
    IGNORE = "Ignore"


class Settings(Struct, frozen=True):
    """The settings of a workload; the defaults are those of docs/design/product.md."""

    mode: Mode | None = None
    max_unavailable: Amount = Amount(1)
    partition: Amount = Amount(0)
    paused: bool = False
    grace_period_seconds: int = 0
    min_ready_seconds: int = 0
    progress_deadline_seconds: int = 600
    on_failure: OnFailure = OnFailure.PAUSE
    max_failures: int = 0
    drain: DrainPolicy = DrainPolicy.AUTO
    keep_ready_containers: tuple[str, ...] = ()
    container_order: tuple[tuple[str, ...], ...] = ()
    gates: tuple[Gate, ...] = ()
    order_by: str = ""
    spread_by: str = ""
    steps: tuple[Step, ...] = ()
    pre_pull: PrePullPolicy = PrePullPolicy.REQUIRED
    restart_on: tuple[str, ...] = known_keys.RESTART_ON
    init_images: InitImages = InitImages.REFUSE
    disruption_budgets: DisruptionBudgets = DisruptionBudgets.RESPECT

    def budget(self, replicas: int) -> int:
        """How many of `replicas` Pods may be unavailable: percent rounds down, at least 1."""
        return max(1, self.max_unavailable.resolve(replicas, round_up=False))

    def held_back(self, replicas: int) -> int:
        """How many of `replicas` Pods stay on the old revision: percent rounds up, at most all."""
        return min(replicas, self.partition.resolve(replicas, round_up=True))


class Native(Struct, frozen=True):
    """The workload's own strategy, the default of settings that are not given."""

    max_unavailable: Amount | None = None
    partition: Amount | None = None
    min_ready_seconds: int = 0


class Parsed(Struct, frozen=True):
    """The settings, and the errors."""

    settings: Settings
    errors: tuple[Reason, ...] = ()


class _Setting(Struct, frozen=True):
    parse: grammar.Parse
    accepts: str


def _choice(enum: type[StrEnum]) -> _Setting:
    *first, last = list(enum)
    return _Setting(grammar.word(enum), f"{', '.join(first)} or {last}")


_SECONDS = f"whole seconds from 0 to {MAX_SECONDS}"
_LABEL_KEY = "a label key, such as example.com/priority"
_SETTINGS: Final[dict[str, _Setting]] = {
    "max-unavailable": _Setting(
        grammar.amount(1), f"a count from 1 to {MAX_COUNT} or a percentage from 1% to 100%: in place cannot surge"
    ),
    "partition": _Setting(grammar.amount(0), f"a count from 0 to {MAX_COUNT} or a percentage from 0% to 100%"),
    "paused": _Setting(grammar.boolean, "true or false"),
    "grace-period-seconds": _Setting(grammar.integer(0, MAX_SECONDS), _SECONDS),
    "min-ready-seconds": _Setting(grammar.integer(0, MAX_SECONDS), _SECONDS),
    "progress-deadline-seconds": _Setting(grammar.integer(1, MAX_SECONDS), f"whole seconds from 1 to {MAX_SECONDS}"),
    "on-failure": _choice(OnFailure),
    "max-failures": _Setting(grammar.integer(0, MAX_COUNT), f"a count from 0 to {MAX_COUNT}"),
    "drain": _choice(DrainPolicy),
    "keep-ready-containers": _Setting(grammar.container_names, "container names, each once: proxy, logger"),
    "container-order": _Setting(grammar.batches, "batches of container names, each name once: proxy > app, worker"),
    "gates": _Setting(
        grammar.gates,
        "before-drain=, before-swap= or before-ready= with a condition type that another controller sets:"
        " before-drain=example.com/Idle",
    ),
    "order-by": _Setting(grammar.label_key, _LABEL_KEY),
    "spread-by": _Setting(grammar.label_key, _LABEL_KEY),
    "steps": _Setting(grammar.steps, "growing counts or percentages, each with an optional pause: 1:5m, 10%, 50%"),
    "pre-pull": _choice(PrePullPolicy),
    "restart-on": _Setting(
        grammar.globs,
        f"at most {MAX_GLOBS} glob patterns of label and annotation keys, {MAX_GLOBS_TEXT} characters in all:"
        " checksum/*, example.com/config-*",
    ),
    "init-images": _choice(InitImages),
    "disruption-budgets": _choice(DisruptionBudgets),
}

#: Settings whose default is not safe if the value is invalid: a Pod that is being drained would be swapped without its
#: grace period, and a pause would end.
_CAREFUL: Final[dict[str, object]] = {"paused": True, "grace_period_seconds": MAX_SECONDS}

#: How many unknown keys are named.
MAX_UNKNOWN: Final = 16

#: Settings that are compared with the deadline.
_TIMING = frozenset({"min-ready-seconds", "grace-period-seconds", "progress-deadline-seconds", "drain"})

_OUR_LABELS = frozenset({names.MODE, names.FROZEN, names.PHASE})
_OUR_ANNOTATIONS = frozenset(
    {
        names.STATUS,
        names.ORIGINAL_STRATEGY,
        names.TEMPLATES,
        names.SETTINGS,
        names.STATE,
        names.RETRY,
        names.PROMOTE,
    }
)


def is_known(key: str) -> bool:
    """Whether it is the key of a setting, or of an annotation that we write ourselves."""
    return key in _OUR_ANNOTATIONS or (key.startswith(names.PREFIX) and key.removeprefix(names.PREFIX) in _SETTINGS)


def parse(metadata: Meta, native: Native) -> Parsed:
    """Parse the settings of a workload; `native` has the defaults of its strategy. All errors are listed."""
    given = {name: text for name in _SETTINGS if (text := metadata.annotation(names.PREFIX + name)) is not None}
    read = {name: _SETTINGS[name].parse(text) if len(text) <= MAX_TEXT else None for name, text in given.items()}
    mode = metadata.label(names.MODE)
    bad = [name for name, value in read.items() if value is None]
    values: dict[str, Any] = {_field(name): value for name, value in read.items() if name not in bad}
    values |= {_field(name): _CAREFUL[_field(name)] for name in bad if _field(name) in _CAREFUL}
    values["mode"] = None if mode is None else grammar.word(Mode)(mode) or Mode.ONLY  # the mode that does less
    settings = replace(_own_defaults(native), **values)
    return Parsed(
        settings,
        errors=(
            *_mode_errors(mode),
            *(_invalid(name, f"{_quote(given[name])} is not accepted: use {_SETTINGS[name].accepts}") for name in bad),
            *_conflicts(settings, native, given, bad),
            *_some(_unknown(metadata)),
        ),
    )


def _field(name: str) -> str:
    return name.replace("-", "_")


def _own_defaults(native: Native) -> Settings:
    allowed = native.max_unavailable
    return Settings(
        max_unavailable=allowed if allowed is not None and allowed.value > 0 else Amount(1),
        partition=native.partition or Amount(0),
        min_ready_seconds=native.min_ready_seconds,
    )


def _mode_errors(mode: str | None) -> Iterator[Reason]:
    if mode is not None and mode not in set(Mode):
        message = f"{_quote(mode)} is not accepted: use {Mode.ONLY} or {Mode.IF_POSSIBLE}"
        yield Reason(ReasonCode.SettingInvalid, f"metadata.labels[{names.MODE}]", message)


def _conflicts(settings: Settings, native: Native, given: dict[str, str], bad: list[str]) -> Iterator[Reason]:
    """Errors in the combination of valid values."""
    own = native.max_unavailable
    if "max-unavailable" not in given and own is not None and own.value == 0:
        hint = f"set {names.PREFIX}max-unavailable to 1 or more: in place cannot surge"
        yield _invalid("max-unavailable", f"the workload's own maxUnavailable is {own}; {hint}")
    if _TIMING.intersection(bad):
        return
    grace = 0 if settings.drain is DrainPolicy.NEVER else settings.grace_period_seconds
    waits, deadline = grace + settings.min_ready_seconds, settings.progress_deadline_seconds
    if settings.min_ready_seconds >= deadline:
        source = "" if "min-ready-seconds" in given else ", from spec.minReadySeconds"
        message = f"min-ready-seconds ({settings.min_ready_seconds}{source})"
        yield _invalid("min-ready-seconds", f"{message} must be less than progress-deadline-seconds ({deadline})")
    elif waits >= deadline:
        both = f"grace-period-seconds ({grace}) and min-ready-seconds ({settings.min_ready_seconds})"
        yield _invalid(
            "grace-period-seconds", f"{both} together must be less than progress-deadline-seconds ({deadline})"
        )


def _unknown(metadata: Meta) -> Iterator[Reason]:
    """Unknown keys with our prefix: almost always typing errors, which must not be ignored silently."""
    for key in metadata.annotations or ():
        name = key.removeprefix(names.PREFIX)
        if name != key and name not in _SETTINGS and key not in _OUR_ANNOTATIONS:
            message = f"{key} is a label, not an annotation" if key in _OUR_LABELS else _did_you_mean(name)
            if key == names.RESTART:
                message = "it is an annotation of the Pod template, as `inplace restart` writes it"
            yield Reason(ReasonCode.SettingInvalid, f"metadata.annotations[{key}]", message)
    for key in metadata.labels or ():
        name = key.removeprefix(names.PREFIX)
        if name != key and key not in _OUR_LABELS:
            known = name in _SETTINGS or key in _OUR_ANNOTATIONS
            message = f"{key} is an annotation, not a label" if known else f"no label of ours; is it {names.MODE}?"
            yield Reason(ReasonCode.SettingInvalid, f"metadata.labels[{key}]", message)


def _some(errors: Iterator[Reason]) -> Iterator[Reason]:
    """The first of them, and that there are more: what is unknown may be any number of keys."""
    yield from islice(errors, MAX_UNKNOWN)
    if (another := next(errors, None)) is not None:
        yield Reason(another.code, another.path, "there are more unknown keys than are listed here")


def _did_you_mean(name: str) -> str:
    near = get_close_matches(name.lower().replace("_", "-"), _SETTINGS, 1)
    hint = f"did you mean {names.PREFIX}{near[0]}?" if near else f"the settings are {', '.join(_SETTINGS)}"
    return f"unknown setting; {hint}"


def _invalid(name: str, message: str) -> Reason:
    return Reason(ReasonCode.SettingInvalid, f"metadata.annotations[{names.PREFIX}{name}]", message)


def _quote(text: str) -> str:
    """The value with invisible characters escaped, at most 60 characters."""
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "…"
