"""Text in YAML or JSON -> its documents, of nothing but JSON's types, as kubectl reads them.

kubectl's reader is sigs.k8s.io/yaml on go.yaml.in/yaml/v2. Of PyYAML only the parser is used, its anchors and its merge
keys: to its scalars `12:30` is a number and `1e3` is text. Does not depend on what the documents are, and its errors
never show a value: a kubeconfig holds secrets.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from inplace.kube.errors import Malformed

#: Deeper nesting is no manifest, and would exhaust the stack; nor are more values or characters: aliases multiply them.
_DEEPEST: Final = 100
_MOST: Final = 500_000
_MOST_CHARACTERS: Final = 64 * 2**20
_TOO_DEEP: Final = f"nested more than {_DEEPEST} levels deep"

_TAG: Final = "tag:yaml.org,2002:"
#: A scalar without quotes and without a tag: its text says what it is.
_PLAIN: Final = "plain"

_WORDS: Final[dict[str, object]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
#: strconv.ParseInt with base 0, without underscores.
_INT: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class _Loader(yaml.SafeLoader):
    """Tells scalars without quotes apart and resolves none of them; a tab may separate, as it may for libyaml."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """The tag of a node that has none."""
        if kind is yaml.ScalarNode:
            return _TAG + ("str" if not implicit[0] else "merge" if value == "<<" else _PLAIN)
        return _TAG + ("seq" if kind is yaml.SequenceNode else "map")

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what is merged where it belongs. Of equal keys only the last counts, so that merges cannot multiply."""
        super().flatten_mapping(node)
        scalars = {(key.tag, key.value): (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        others = [pair for pair in node.value if not isinstance(pair[0], yaml.ScalarNode)]
        node.value = [*others, *scalars.values()]

    def scan_to_next_token(self) -> None:
        """Skip what separates tokens; where a key may stand, a tab would be indentation."""
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
        super().scan_to_next_token()
        if self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.scan_to_next_token()


def read(where: str, text: str) -> list[Any]:
    """The documents in a text, without empty ones. Raises Malformed, in one line that begins with `where`."""
    try:
        if text.lstrip().startswith(("{", "[")):  # JSON may be indented by tabs, which YAML refuses
            return [_limited(msgspec.json.decode(text))]
    except RecursionError as error:
        raise Malformed(f"{where}: {_TOO_DEEP}") from error
    except msgspec.DecodeError:
        pass  # YAML in flow style starts with a brace as well, and its error names the line
    except ValueError as error:
        raise Malformed(f"{where}: {error}") from error
    try:
        return [document for document in _documents(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Malformed(f"{where}: {line}{error.problem or error.context}") from error
    except RecursionError as error:
        raise Malformed(f"{where}: {_TOO_DEEP}") from error
    except yaml.YAMLError as error:
        raise Malformed(f"{where}: invalid YAML or JSON: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise Malformed(f"{where}: {error}") from error


class _Left:
    """How much a text may still hold."""

    def __init__(self) -> None:
        self.values, self.characters = _MOST, _MOST_CHARACTERS

    def take(self, node: yaml.Node, depth: int) -> None:
        """Another value. Raises ValueError if it is one too many, or too deep."""
        self.values -= 1
        self.characters -= len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if depth > _DEEPEST:
            raise ValueError(_TOO_DEEP)
        if self.values < 0:
            raise ValueError(f"more than {_MOST} values")
        if self.characters < 0:
            raise ValueError(f"more than {_MOST_CHARACTERS} characters, with what aliases repeat")


def _documents(text: str) -> Iterator[Any]:
    loader, left = _Loader(text), _Left()
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield _value(loader, node, left, 0)
    finally:
        loader.dispose()


def _value(loader: _Loader, node: yaml.Node, left: _Left, depth: int) -> Any:
    left.take(node, depth)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        _expect_tag(node, "seq")
        return [_value(loader, item, left, depth + 1) for item in node.value]
    _expect_tag(node, "map")
    assert isinstance(node, yaml.MappingNode)
    loader.flatten_mapping(node)
    return {_key(key): _value(loader, below, left, depth + 1) for key, below in node.value}


def _key(node: yaml.Node) -> str:
    key = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if key is None:
        raise _error(node, "a key is not text")
    return str(key).lower() if isinstance(key, bool) else str(key)


def _scalar(node: yaml.ScalarNode) -> object:
    text = _text(node)
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "null": (type(None),),
    }
    match node.tag.removeprefix(_TAG):
        case "plain":
            return _plain(text)
        case "str" | "timestamp" | "merge":
            return text
        case "binary":
            return base64.b64decode("".join(text.splitlines()), validate=True).decode(errors="replace")
        case kind if kind in kinds:
            value = _plain(text)
            if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "bool"):
                raise _error(node, f"a scalar is no {kind}")
            return value
    raise _error(node, f"could not determine a constructor for the tag {node.tag!r}")


def _plain(text: str) -> object:
    """What a scalar without quotes is (go.yaml.in/yaml/v2, resolve)."""
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number of JSON")
    number = text.replace("_", "") if text[0] in "+-0123456789" else text
    if _INT.fullmatch(number) and (value := _whole(number)) is not None:
        return value
    if _FLOAT.fullmatch(number) and (found := float(number)) not in (float("inf"), float("-inf")):
        return int(found) if found.is_integer() and abs(found) < 1e21 else found
    return text


def _whole(number: str) -> int | None:
    """None beyond 64 bits: Go reads such digits as a float."""
    digits = number.lstrip("+-")
    if len(digits) > 100:
        return None
    octal = re.fullmatch(r"0[oO]?([0-7]+)", digits)
    value = int(octal[1], 8) if octal else int(digits, 0)
    value = -value if number.startswith("-") else value
    return value if -(2**63) <= value < (2**64 if digits == number else 2**63) else None


def _text(node: yaml.ScalarNode) -> str:
    """What it says; half a character, which an escape can be, is none."""
    text: str = node.value
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _error(node, f"{text[error.start]!a} is half a character") from error
    return text


def _expect_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise _error(node, f"could not determine a constructor for the tag {node.tag!r}")


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _limited(value: Any, depth: int = 0) -> Any:
    """The value of a JSON text, if it is not nested too deep."""
    if depth > _DEEPEST:
        raise ValueError(_TOO_DEEP)
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in below:
        _limited(each, depth + 1)
    return value
