"""Logs: one JSON object per line, or readable lines on a terminal; always on stderr.

Does not depend on what is logged, but for its subject: `kind`, `namespace` and `name` come first. Events are named
`subject.verb` and come through `runtime.observe`; libraries that use the standard library's logging get the same
format.
"""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from inplace.runtime.printable import one_line, printable

#: The values of `--log-level`, from the most to the least verbose.
LEVELS: Final = ("debug", "info", "warning", "error")


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging for the process; a later call replaces it. `stream` defaults to stderr."""
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer = _renderer(out)
    structlog.configure(
        processors=[*_common(), *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,  # so that a later call affects existing loggers
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_common(), structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    # At info, libraries log much that is useful only to debug them.
    logging.basicConfig(
        level=threshold if threshold == logging.DEBUG else max(threshold, logging.WARNING),
        force=True,
        handlers=[handler],
    )


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]


def _renderer(out: TextIO) -> list[Processor]:
    if out.isatty():
        return [
            structlog.processors.format_exc_info,
            _for_people,
            _printable,  # before the renderer adds its colors
            structlog.dev.ConsoleRenderer(
                colors=not os.environ.get("NO_COLOR"),
                timestamp_key="time",
                sort_keys=False,
                pad_event_to=26,
                exception_formatter=structlog.dev.plain_traceback,  # it is text already
            ),
        ]
    return [
        structlog.processors.format_exc_info,
        _ordered,
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        lambda _logger, _method, line: printable(str(line)),
    ]


def _printable(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """What is no text is shown by its repr, which escapes; lists and maps too. A traceback has lines of its own, none
    of which begins as a line of the log does.
    """
    return {key: _shown(key, value if isinstance(value, str) else repr(value)) for key, value in line.items()}


def _shown(key: str, text: str) -> str:
    return textwrap.indent(printable(text), "  ") if key in _TRACES else one_line(text)


#: What structlog has written of an exception, and of a stack that was asked for.
_TRACES: Final = ("exception", "stack")
#: The order of the keys; others follow as they were given.
_FIRST: Final = ("time", "level", "event", "kind", "namespace", "name")


def _ordered(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """What every line has comes first, so that a person finds it."""
    return {**{key: line[key] for key in _FIRST if key in line}, **line}


def _for_people(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """The time of day in UTC, and the subject in one word: StatefulSet/shop/web."""
    ordered = dict(_ordered(_logger, _method, line))
    subject = "/".join(str(ordered.pop(key)) for key in ("kind", "namespace", "name") if ordered.get(key))
    first = {
        "time": str(ordered.pop("time", ""))[11:19],
        "level": ordered.pop("level", ""),
        "event": ordered.pop("event"),
    }
    return {**first, **({"on": subject} if subject else {}), **ordered}
