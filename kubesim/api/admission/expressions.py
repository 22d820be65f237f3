"""CEL as admission policies write it, compiled once by `cel-expr-python`, the Python binding of the C++ runtime.

The package is imported when the first expression is compiled and not before: a cluster without policies needs none.
It has the standard library, optionals (`.?`, `orValue`) and strings (`join`, `substring`). `jsonpatch.escapeKey` is
given to it as a function. What no function can be is rewritten in the text before it is compiled (`rewritten`):

- `Object{…}`, `Object.spec.strategy{…}` and `JSONPatch{…}` become maps. The package creates messages of protobuf types
  only, and these types exist nowhere but in the API server's compiler. Their names are checked as the server does.
- `variables.name` becomes the variable's expression in parentheses. So a variable is evaluated only if it is needed,
  an error in it is an error at its use, and it may be an optional: none of that survives a value handed over from
  Python. A comprehension must not name its variable as one that such an expression uses.

The other libraries of the API server (authorizer, quantity, url, ip, cidr, semver, format) are not there: an expression
that uses one does not compile, and the policy's failurePolicy says what follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

#: What an expression can speak of, beside `variables`.
NAMES: Final = ("object", "oldObject", "request", "params", "namespaceObject")
_PACKAGE: Final = "cel-expr-python"
_MESSAGES: Final = frozenset({"Object", "JSONPatch"})
_PATCH_FIELDS: Final = frozenset({"op", "path", "from", "value"})
_TOKEN: Final = re.compile(
    r"""
      (?:\s+|//[^\n]*)+
    | (?:[rR][bB]?|[bB][rR])(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
    | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | [A-Za-z_]\w*
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_CLOSERS: Final = frozenset(")]}")

Variables = tuple[tuple[str, str], ...]


class CelError(Exception):
    """An expression that cannot be compiled, or whose evaluation failed."""


class Expression:
    """A compiled expression."""

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def __call__(self, activation: Any) -> Any:
        """Its value as JSON has it. Raises CelError."""
        value = self._program.eval(activation)
        try:
            plain = value.plain_value()
        except TypeError:  # an optional: nothing outside of an expression can have one
            raise CelError(f"expression '{self.text.strip()}' resulted in a value that JSON cannot hold") from None
        if value.type().name() in {"ERROR", "UNKNOWN"}:
            raise CelError(f"expression '{self.text.strip()}' resulted in error: {plain}")
        return plain

    def holds(self, activation: Any) -> bool:
        """Its value, which must be a bool. Raises CelError."""
        value = self(activation)
        if not isinstance(value, bool):
            raise CelError(f"expression '{self.text.strip()}' resulted in {type(value).__name__}, not a bool")
        return value


@cache
def compiled(text: str, variables: Variables = ()) -> Expression:
    """The expression, compiled when it is first asked for. `variables` are those before it. Raises CelError."""
    return Expression(text, _compile(rewritten(text, variables)))


def activation(values: Mapping[str, Any]) -> Any:
    """The values that some expressions are evaluated with, converted once for all of them."""
    return _environment().Activation({name: values.get(name) for name in NAMES})


def _compile(text: str) -> Any:
    try:
        return _environment().compile(text)
    except RuntimeError as error:
        raise CelError(f"compilation failed: {error}") from None


@cache
def _environment() -> Any:
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_optional, ext_strings
    except ImportError:
        raise CelError(f"admission policies need the package {_PACKAGE}: pip install {_PACKAGE}") from None
    text = cel.Type.STRING
    escape = cel.Overload("jsonpatch_escapeKey_string", return_type=text, parameters=[text], impl=_escape_key)
    return cel.NewEnv(
        variables=dict.fromkeys(NAMES, cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
        functions=[cel.FunctionDecl("jsonpatch.escapeKey", [escape])],
    )


def _escape_key(key: str) -> str:
    """RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")


# --- rewriting --------------------------------------------------------------------------------------------------------


def rewritten(text: str, variables: Variables = ()) -> str:
    """The expression as the package can compile it. Raises CelError."""
    known: dict[str, str] = {}
    for name, expression in variables:
        known[name] = f"({_Rewriting(expression, known).text()})"
    return _Rewriting(text, known).text()


class _Brace:
    """An open bracket; with `path`, that of a message, and the field whose value is being read."""

    def __init__(self, path: tuple[str, ...] = ()) -> None:
        self.path = path
        self.field = ""
        self.at_field = bool(path)


class _Rewriting:
    """One pass over the tokens of an expression."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._tokens = _TOKEN.findall(text)
        self._variables = variables
        self._open = [_Brace()]
        self._place = 0

    def text(self) -> str:
        """The rewritten expression."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        before = ""
        while self._place < len(self._tokens):
            word = self._tokens[self._place]
            self._place += 1
            yield self._piece(word, before)
            before = word if word.strip() else before

    def _piece(self, word: str, before: str) -> str:
        here = self._open[-1]
        if here.at_field and _NAME.fullmatch(word):
            here.field, here.at_field = word, False
            if here.path == ("JSONPatch",) and word not in _PATCH_FIELDS:
                raise CelError(f"compilation failed: undefined field '{word}' of JSONPatch")
            return json.dumps(word)
        if before != "." and word == "variables":
            return self._variable()
        if before != "." and word in _MESSAGES:
            return self._message(word)
        if word in {"(", "[", "{"}:
            self._open.append(_Brace())
        elif word in _CLOSERS and len(self._open) > 1:
            self._open.pop()
        elif word == "," and here.path:
            here.at_field = True
        return word

    def _names(self) -> tuple[str, ...]:
        """The names after this one, `.a.b`, which are taken."""
        found = []
        while self._tokens[self._place : self._place + 1] == ["."]:
            found.append("".join(self._tokens[self._place + 1 : self._place + 2]))
            self._place += 2
        return tuple(found)

    def _variable(self) -> str:
        name, *rest = (*self._names(), "")
        if name not in self._variables:
            raise CelError(f"compilation failed: undefined field '{name}' of variables")
        return ".".join((self._variables[name], *rest[:-1])) if rest else self._variables[name]

    def _message(self, root: str) -> str:
        path = (root, *self._names())
        if self._tokens[self._place : self._place + 1] != ["{"]:
            return ".".join(path)
        self._place += 1
        self._check(path)
        self._open.append(_Brace(path))
        return "{"

    def _check(self, path: tuple[str, ...]) -> None:
        """A message's type is named after the field that it is the value of."""
        around = next((brace for brace in reversed(self._open) if brace.path), None)
        if around is None or path[0] != "Object" or around.path[0] != "Object":
            return
        wanted = (*around.path, around.field)
        if path != wanted:
            raise CelError(f"type mismatch: unexpected type name {'.'.join(path)}, expected {'.'.join(wanted)}")
