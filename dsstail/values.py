"""A member of an event as short text for people: readable, visible, and of bounded length."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from dsstail.escaping import visible, visible_json

LONGEST = 1000
"""Characters of a value that are looked at: no line shows more."""

_TRUTH = {0: "false", 1: "true", "0": "false", "1": "true", "false": "false", "true": "true"}
_PLAIN_WORDS = {True: "true", False: "false", None: "null"}
_MISTAKABLE = re.compile(
    r"""(?:["\s].*+ | .*+(?<=\s) | true | false | null
        | -?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)? | )\Z""",
    re.DOTALL | re.VERBOSE,
)
_WORDS = ("true", "false", "null")
_MEMBER_NUMBER = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+(-?[0-9][-+.0-9eE]*+)")


def value_text(value: Any, base_type: Any, text: bytes, unicode: bool = True) -> str:
    """A datapoint's value by its base type: 0 as false, a file by its name.

    `text` is the event, which has the value's digits as written.
    """
    kind = type(value)
    if base_type == "boolean" and kind in (str, int, float) and value in _TRUTH:
        return _TRUTH[value]
    if kind is float:
        return number_as_written(value, text)
    if kind is int:
        return str(value)
    if kind is not str:
        return shown(value, unicode=unicode)
    if base_type in ("integer", "decimal", "float"):
        return visible(value[:LONGEST], unicode=unicode)
    if base_type == "file" and "/" in value:
        mark = "…/" if unicode else ".../"
        return mark + _string(value.rpartition("/")[2][:LONGEST], unicode)
    return _string(value[:LONGEST], unicode)


def shown(value: Any, *, unicode: bool = True) -> str:
    """Any decoded JSON value.

    A string stands without quotes unless it could be taken for something else; whatever is
    escaped stands in quotes, so that a backslash outside of them is just that.
    """
    if isinstance(value, str):
        return _string(value[:LONGEST], unicode)
    if isinstance(value, (bool, type(None))):
        return _PLAIN_WORDS[value]
    if isinstance(value, (int, float)):
        return str(value)
    return visible_json(compact(value)[:LONGEST], unicode=unicode)


def compact(value: Any) -> str:
    """JSON without white space; of what nests too deep for that, only its kind."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, or more than 254 levels
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return "{...}" if isinstance(value, dict) else "[...]"


def number_as_written(number: float, text: bytes) -> str:
    """The datapoint's value with the digits that the event's text gives it: 21.50, not 21.5."""
    shortest = repr(number)
    if text.rpartition(b'"value":')[2].partition(b",")[0] == shortest.encode():
        return shortest
    member = _MEMBER_NUMBER.match(text, text.rfind(b'"value"') + len(b'"value"'))
    if member is not None and float(member[1]) == number:
        return member[1][:LONGEST].decode()
    return shortest


def _string(value: str, unicode: bool) -> str:
    plain = "A" <= value < "{" and value.isascii() and value.isprintable() and value[-1] != " "
    if plain and value not in _WORDS:
        return value
    text = visible(value, unicode=unicode)
    if text == value and _MISTAKABLE.match(value) is None:
        return value
    return '"' + visible(value.replace("\\", r"\\").replace('"', r"\""), unicode=unicode) + '"'
