"""kubectl's `-o jsonpath=…` for documents of ours, its own dialect: no library for Python has `{range}` and `{end}`.

The grammar, and what it does with what is not there, are client-go's (util/jsonpath, with allowMissingKeys, as kubectl
has it): a missing key is nothing, an index beyond the end is an error. `tests/kubectl/test_jsonpath.py` compares both.
Only a range that is not closed is refused: kubectl runs what follows once more, of the whole document.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from inplace.cli.errors import InputError

_FIELD: Final = re.compile(r"(?:\\.|[^\s.,\[\]$@{}\\])*", re.DOTALL)
_WORD: Final = re.compile(r"[^\s.,\[\]$@{}]*")
_NUMBER: Final = re.compile(r"[+-]?[0-9.]*", re.ASCII)
_INDEX: Final = re.compile(r"(-?\d{0,9})(?::(-?\d{0,9}))?(?::(-?\d{0,9}))?", re.ASCII)
_QUOTED_KEY: Final = re.compile(r"'([^']*)'")
_COMPARISON: Final = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
#: A template may not be deeper than this: its parts are read by functions that call themselves.
DEEPEST: Final = 32
ACCEPTED: Final = "a template of kubectl's, such as {.status.phase} or {range .items[*]}{.workload.name}{end}"


class PathError(InputError):
    """The template cannot be used; the message names the part."""


class Field(Struct, frozen=True):
    """`.name`."""

    name: str


class Every(Struct, frozen=True):
    """`.*`."""


class Deep(Struct, frozen=True):
    """`..`: the value and all below it."""


class Slice(Struct, frozen=True):
    """`[1]`, which is `single`, or `[start:end:step]`; None is what was left out."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


class Union(Struct, frozen=True):
    """`[0,2]`."""

    paths: tuple[tuple[Step, ...], ...]


class Filter(Struct, frozen=True):
    """`[?(@.a=="b")]`; without an operator, what has the left path."""

    left: tuple[Step, ...]
    operator: str
    right: tuple[Step, ...]


class Literal(Struct, frozen=True):
    """Quoted text, a number, or true or false."""

    value: str | int | float | bool


Step: TypeAlias = Field | Every | Deep | Slice | Union | Filter | Literal


class Loop(Struct, frozen=True):
    """`{range path}…{end}`."""

    path: tuple[Step, ...]
    body: tuple[Piece, ...]


Piece: TypeAlias = str | tuple[Step, ...] | Loop


def parse(template: str) -> tuple[Piece, ...]:
    """The pieces of a template. Raises PathError."""
    return _nested(_blocks(template), 0)


def evaluate(template: str, document: Any) -> str:
    """The text of a template for a document. Raises PathError."""
    return "".join(_rendered(parse(template), [document]))


# --- reading ------------------------------------------------------------------------------------------------------


def _blocks(template: str) -> Iterator[str | tuple[str, tuple[Step, ...]]]:
    """Text as it stands, and what is in braces: its keyword, if it begins with one, and its steps."""
    at = 0
    while at < len(template):
        opening = template.find("{", at)
        if opening != at:
            stop = opening if opening >= 0 else len(template)
            yield template[at:stop]
            at = stop
            continue
        reader = _Reader(template, at + 1)
        yield reader.action()
        at = reader.at


def _nested(blocks: Iterator[str | tuple[str, tuple[Step, ...]]], depth: int) -> tuple[Piece, ...]:
    """The pieces up to the `{end}` of a range, or to the end of the template outside of one."""
    if depth > DEEPEST:
        raise PathError(f"more than {DEEPEST} ranges in one another")
    pieces = list[Piece]()
    for block in blocks:
        if isinstance(block, str):
            pieces.append(block)
            continue
        keyword, steps = block
        if keyword == "end":
            if not depth:
                raise PathError("not in range, nothing to end")
            return tuple(pieces)
        pieces.append(Loop(steps, _nested(blocks, depth + 1)) if keyword else steps)
    if depth:
        raise PathError("range without {end}")
    return tuple(pieces)


class _Reader:
    """What stands between braces, from a place of the template on."""

    def __init__(self, text: str, at: int, depth: int = 0) -> None:
        if depth > DEEPEST:
            raise PathError(f"{text!r} is nested more than {DEEPEST} times")
        self.text, self.at, self._depth = text, at, depth

    def action(self) -> tuple[str, tuple[Step, ...]]:
        """Up to its closing brace: the keyword `range` or `end`, or "", and the steps."""
        keyword, steps = "", list[Step]()
        while (one := self.text[self.at : self.at + 1]) != "}":
            if one in {"", "\r", "\n"}:
                raise PathError(f"unclosed action: {self.text!r}")
            if one in " @$":
                self.at += 1
            elif one.isalpha() or one == "_":
                word = self._take(_WORD)
                if word in {"range", "end"} and not steps and not keyword:
                    keyword = word
                elif word in {"true", "false"}:
                    steps.append(Literal(word == "true"))
                else:
                    raise PathError(f"unrecognized identifier {word}")
            else:
                steps += self._steps(one, steps)
        self.at += 1
        return keyword, tuple(steps)

    def _steps(self, one: str, before: Sequence[Step]) -> list[Step]:
        """The next step, or the steps that a bracket holds."""
        if self.text.startswith("[?(", self.at):
            return [self._filter()]
        if self.text.startswith("..", self.at):
            return self._deep(before)
        if one == "[":
            return self._array()
        if one in "'\"":
            return [Literal(self._quoted())]
        if one == ".":
            self.at += 1
            return [self._field()]
        if one in "+-" or one.isdigit():
            return [Literal(self._number())]
        raise PathError(f"unrecognized character in action: {one!r}")

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None  # each matches nothing, too
        self.at = found.end()
        return found[0]

    def _field(self) -> Step:
        name = self._take(_FIELD)
        if self.text[self.at : self.at + 1] == "\\":
            raise PathError(f"unclosed action: {self.text!r}")
        return Every() if name == "*" else Field(name.replace("\\", ""))

    def _deep(self, before: Sequence[Step]) -> list[Step]:
        if before and isinstance(before[-1], Deep):
            raise PathError("invalid multiple recursive descent")
        self.at += 2
        following = self.text[self.at : self.at + 1]
        return [Deep(), self._field()] if following.isalnum() or following == "_" else [Deep()]

    def _number(self) -> int | float:
        text = self._take(_NUMBER)
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            raise PathError(f"cannot parse number {text}") from None

    def _quoted(self) -> str:
        quote, start = self.text[self.at], self.at + 1
        end = start
        while self.text[end : end + 1] != quote or (end > start and self.text[end - 1] == "\\"):
            if self.text[end : end + 1] in {"", "\n"}:
                raise PathError("unterminated quoted string")
            end += 1
        self.at = end + 1
        inner = self.text[start:end]
        if quote == "'":
            inner = inner.replace("\\'", "'").replace('"', '\\"')
        try:
            return str(json.loads(f'"{inner}"'))
        except ValueError:
            raise PathError(f"unquote {self.text[start - 1 : end + 1]} error") from None

    def _array(self) -> list[Step]:
        end = self.text.find("]", self.at)
        if end < 0 or "\n" in self.text[self.at : end]:
            raise PathError("unterminated array")
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        parts = (":" if text == "*" else text).split(",")
        if len(parts) > 1:
            return [Union(tuple(self._within(f"[{part.strip(' ')}]") for part in parts))]
        quoted = _QUOTED_KEY.fullmatch(parts[0])
        return list(self._within(f".{quoted[1]}")) if quoted is not None else [_slice(parts[0])]

    def _filter(self) -> Step:
        """What stands between `[?(` and `)]`, where a quoted text may hold a parenthesis."""
        start, at, quote, closed = self.at + 3, self.at + 3, "", False
        while self.text[at : at + 1] != ")" or bool(quote) != closed:
            one = self.text[at : at + 1]
            if one in {"", "\n"}:
                raise PathError("unterminated filter")
            if one in "'\"" and not quote:
                quote = one
            elif one == quote and self.text[at - 1] != "\\":
                closed = True
            at += 1
        if self.text[at + 1 : at + 2] != "]":
            raise PathError("unclosed array expect ]")
        text, self.at = self.text[start:at], at + 2
        compared = _COMPARISON.fullmatch(text)
        if compared is None:
            return Filter(self._within(text), "", ())
        if compared[2] not in _OPERATORS:
            raise PathError(f"unrecognized filter operator {compared[2]}")
        return Filter(self._within(compared[1]), compared[2], self._within(compared[3]))

    def _within(self, text: str) -> tuple[Step, ...]:
        keyword, steps = _Reader(f"{text}}}", 0, self._depth + 1).action()
        if keyword:
            raise PathError(f"{keyword} is not accepted within brackets")
        return steps


def _slice(text: str) -> Slice:
    found = _INDEX.fullmatch(text)
    if found is None:
        raise PathError(f"invalid array index {text}")
    try:
        start, end, step = (int(part) if part else None for part in found.groups())
    except ValueError:
        raise PathError(f"array index {text} is not a number") from None
    return Slice(start, end, step, found[2] is None)


# --- finding ------------------------------------------------------------------------------------------------------


def _rendered(pieces: Sequence[Piece], current: list[Any]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, Loop):
            for one in _walk(current, piece.path):
                yield from _rendered(piece.body, [one])
        else:
            yield " ".join(map(_shown, _walk(current, piece)))


def _walk(values: list[Any], path: Sequence[Step]) -> list[Any]:
    for step in path:
        values = _next(values, step)
    return values


def _next(values: list[Any], step: Step) -> list[Any]:
    match step:
        case Literal(value):
            return [value]
        case Union(paths):
            return [found for path in paths for found in _walk(values, path)]
        case Field(name):
            return [value[name] for value in values if isinstance(value, dict) and name in value]
        case Every():
            return [below for value in values for below in _below(value)]
        case Deep():
            return [found for value in values for found in _all_below(value)]
        case Slice():
            return [found for value in values if value is not None for found in _sliced(value, step)]
        case Filter():
            return [one for value in values for one in _listed(value, "filtered") if _passes(one, step)]


def _below(value: Any) -> list[Any]:
    """Of text, Go has its bytes."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, str):
        return list(value.encode())
    return list(value) if isinstance(value, list) else []


def _all_below(value: Any) -> Iterator[Any]:
    """The value if there is anything in it, and the same of what is."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        below = _below(one)
        if below:
            yield one
            waiting += [] if isinstance(one, str) else reversed(below)


def _listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise PathError(f"{_shown(value)[:64]} is not array or slice and cannot be {what}")
    return value


def _sliced(value: Any, wanted: Slice) -> list[Any]:
    length = len(_listed(value, "indexed"))
    start = wanted.start or 0
    end = start + 1 if wanted.single else length if wanted.end is None else wanted.end
    start += length if start < 0 else 0
    end += length if end < 0 or (end == 0 and wanted.single) else 0
    if start == end:
        return []
    for index, limit in ((start, length - 1), (end - 1, length - 1)):
        if not 0 <= index <= limit:
            raise PathError(f"array index out of bounds: index {index}, length {length}")
    if start > end:
        raise PathError(f"starting index {start} is greater than ending index {end}")
    if wanted.step is not None and wanted.step <= 0:
        raise PathError("step must be > 0")
    found: list[Any] = value[start : end : wanted.step or 1]
    return found


def _passes(one: Any, wanted: Filter) -> bool:
    left = _walk([one], wanted.left)
    if not wanted.operator:
        return bool(left)
    right = _walk([one], wanted.right)
    if not left or not right:
        return False
    if len(left) > 1 or len(right) > 1:
        raise PathError("can only compare one element at a time")
    kinds = {type(left[0]), type(right[0])}
    if not kinds <= {str, int, float, bool} or (bool in kinds and wanted.operator not in {"==", "!="}):
        raise PathError("invalid type for comparison")
    if len(kinds) > 1:
        raise PathError("incompatible types for comparison")
    return _OPERATORS[wanted.operator](left[0], right[0])


def _shown(value: Any) -> str:
    """As Go prints it; maps and lists as its encoding/json writes them, with < > & escaped and keys in order."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    if isinstance(value, dict | list):
        text = re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return text
