"""The request to restart chosen containers: the annotation `inplace.dev/restart` of a Pod template.

    inplace.dev/restart: "2026-01-31T12:00:00Z app, proxy"      together
    inplace.dev/restart: "2026-01-31T12:00:00Z app > proxy"     one after the other
    inplace.dev/restart: "2026-01-31T12:00:00Z"                 all that can start again

The first word makes two requests differ. It is tenant input: it chooses among the containers of the template, and never
what runs. Which change of keys asks for what is decided in `keys`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.model import Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings import grammar
from inplace.core.template import paths, trees
from inplace.core.template.paths import Chosen

PATH: Final = paths.text(("metadata", "annotations", Chosen(names.RESTART)))
#: Characters: as many as a setting may have.
MAX_TEXT: Final = 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9:.+_-]{1,64}", re.ASCII)
FORM: Final = "a word of at most 64 characters, as a time, and containers of the template, as in TIME app, proxy"


class Request(Struct, frozen=True):
    """The containers to restart, in batches: each when the one before is swapped and ready. Empty: all at once."""

    batches: tuple[tuple[str, ...], ...] = ()

    @property
    def containers(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for batch in self.batches for name in batch)


def write(token: str, batches: tuple[tuple[str, ...], ...]) -> str:
    """The text of a request."""
    return " ".join([token, " > ".join(", ".join(batch) for batch in batches)]).rstrip()


def read(template: Tree) -> Request | Reason:
    """The request in a template; why it is none if it is malformed, or names what cannot start again there."""
    text = trees.annotations(template).get(names.RESTART, "")
    token, _, rest = text.strip().partition(" ")
    given = rest.strip()
    batches = grammar.batches(given) if given else ()
    if len(text) > MAX_TEXT or not _TOKEN.fullmatch(token) or batches is None:
        return _refused(f"is not accepted: expected {FORM}")
    able = trees.restartable(template)
    unknown = next((name for batch in batches for name in batch if name not in able), None)
    if unknown is not None:
        known = ", ".join(able)
        return _refused(f"asks for a restart of container {unknown}, and those that can restart are: {known}")
    return Request(batches)


def _refused(why: str) -> Reason:
    return Reason(ReasonCode.RestartNotSupported, PATH, why)
