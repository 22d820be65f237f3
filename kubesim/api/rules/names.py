"""The syntax of names, labels and annotations (apimachinery, util/validation), with its messages.

Does not depend on which field holds what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_NAME: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"

_IS_SUBDOMAIN: Final = re.compile(_SUBDOMAIN)
_IS_LABEL: Final = re.compile(_LABEL)
_IS_NAME: Final = re.compile(_NAME)
_IS_VALUE: Final = re.compile(_VALUE)


def subdomain(value: str) -> Iterator[str]:
    """What is wrong with the name of most objects."""
    if len(value) > 253:
        yield "must be no more than 253 bytes"
    if not _IS_SUBDOMAIN.fullmatch(value):
        yield (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            rf"'{_SUBDOMAIN}')"
        )


def dns_label(value: str) -> Iterator[str]:
    """What is wrong with the name of a container, a Service or a namespace."""
    if len(value) > 63:
        yield "must be no more than 63 bytes"
    if not _IS_LABEL.fullmatch(value):
        yield (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            f"'{_LABEL}')"
        )


def qualified_name(value: str) -> Iterator[str]:
    """What is wrong with the key of a label or annotation, or the type of a condition."""
    prefix, slash, name = value.rpartition("/")
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash:
        yield from (f"prefix part {text}" for text in subdomain(prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 bytes"
    if not _IS_NAME.fullmatch(name):
        yield (
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            f"'{_NAME}')"
        )


def label_value(value: str) -> Iterator[str]:
    """What is wrong with the value of a label."""
    if len(value) > 63:
        yield "must be no more than 63 bytes"
    if not _IS_VALUE.fullmatch(value):
        yield (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            f"for validation is '{_VALUE}')"
        )
