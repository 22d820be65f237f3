"""Text for terminals: what could steer one is shown as its escape (CVE-2021-25743 was kubectl's lack of this).

Messages, names and annotations are written by anybody who may write an object; an escape sequence among them could
clear the screen, set the title, or hide and reorder what else stands there. Everything that people read in a terminal
comes through here: the commands' output, the live view, logs and the messages of Events. What stands in a line comes
through `one_line`: a line feed in an image would begin a line that looks like one of ours.
"""

from __future__ import annotations

import re
from typing import Final

#: The control characters of C0 and C1 but for line feed and tab, line and paragraph separators, those that change the
#: direction of text (Unicode TR 36, 2.10.2), those that are not seen and join nothing (a zero width space), and lone
#: surrogates, which no terminal can be sent.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""The text with each such character as `\uXXXX`, by which JSON that holds it stays the same JSON.

    Its line feeds are its own: it is a whole document, or a log.
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    r"""The same of what stands in one line: a line feed is shown as `\n`."""
    return printable(text).replace("\n", "\\n")
