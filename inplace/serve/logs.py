"""Logs: one JSON object per line, or readable lines on a terminal; always on stderr.

Refuses to know who logs what. Events are named `subject.verb` and come through `runtime.observe`; what libraries log
with the standard library goes the same way.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import Processor

#: What `--log-level` accepts, from the most to the least that is said.
LEVELS: Final = ("debug", "info", "warning", "error")


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set the process' logging up; a later call replaces it. `stream` is stderr unless given."""
    out = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    renderer = _renderer(out)
    structlog.configure(
        processors=[*_common(), *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,  # so that a later call reaches loggers that exist already
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_common(), structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    # Libraries say much at info that is of use only to somebody who looks for a fault in them.
    logging.basicConfig(
        level=least if least == logging.DEBUG else max(least, logging.WARNING), force=True, handlers=[handler]
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
        return [structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
    ]
