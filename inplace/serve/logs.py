"""Logs: one JSON object per line, or readable lines on a terminal; always on stderr.

Does not depend on what is logged. Events are named `subject.verb` and come through `runtime.observe`; libraries that
use the standard library's logging get the same format.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import Processor

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
        return [structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
    ]
