"""Text for terminals: what could steer one is shown as its escape (CVE-2021-25743 was kubectl's lack of this).

Messages, names and annotations are written by anybody who may write an object; an escape sequence among them could
clear the screen, set the title, or hide and reorder what else stands there. Everything that people read in a terminal
comes through here: the commands' output, the live view, logs and the messages of Events.
"""

from __future__ import annotations

import re
from typing import Final

#: The control characters of C0 and C1 but for line feed and tab, line and paragraph separators, those that change the
#: direction of text (Unicode TR 36, 2.10.2), and lone surrogates, which no terminal can be sent.
_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with each such character as `\uXXXX`, by which JSON that holds it stays the same JSON."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
