"""JSON as text: what is JSON by RFC 8259, and where its parts are."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsstail import json_pieces, json_text

IS_JSON = [
    b"{}",
    b"[]",
    b"0",
    b"-0.0e+00",
    b"null",
    b' {"a" : [ 1 , true,false , null ,"" ] } ',
    b'"\\u0000\\"\\\\\\/\\b\\f\\n\\r\\t"',
    rb'"\ud800"',
    rb'"\udc00\ud800"',
    b"1e400",
    b"-1E-400",
    b"9" * 5000,
    b'{"a":1,"a":2}',
    b"[" * 2000 + b"]" * 2000,
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'[{"a":' * 2000 + b"[]" + b"}]" * 2000,
    '"Größe 🎈\u2028\x7f"'.encode(),
]

IS_NOT = [
    b"",
    b" ",
    b"{",
    b"}",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b"{a:1}",
    b"{1:1}",
    b"{'a':1}",
    b"NaN",
    b"-Infinity",
    b"[NaN]",
    b"01",
    b"+1",
    b"1.",
    b".5",
    b"1e",
    b"0x1",
    b"tru",
    b"True",
    b"{}{}",
    b"{} x",
    b'"',
    b'"\\x41"',
    b'"\\u12"',
    b'"\x00"',
    b'"\n"',
    b"\xff",
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b"\xef\xbb\xbf{}",
    b"\x0b{}",
    b"{}\x0c",
    b"\xc2\xa0{}",
    b"// no\n{}",
    b"[" * 2000,
    b"[" * 2000 + b"]" * 1999,
    b"[" * 2000 + b"]" * 2001,
    b"[" * 2000 + b"}" + b"]" * 1999,
    b'{"a":' * 2000 + b"}" * 2000,
    b"[" * 2000 + b"1,," + b"]" * 2000,
    b"[" * 2000 + b'"\xff"' + b"]" * 2000,
    b'[1e400,"\xff"]',
    b"[[1,2,3].5,4]",
    b'{"a":{"b":1}2}',
    b'["a" "b" "c" "d" "e"]',
]


def is_json_piece_by_piece(text: bytes) -> bool:
    """`is_large_json` with pieces so small that there are many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "_SMALL", 0)
        patch.setattr(json_pieces, "_SMALLEST", 8)
        patch.setattr(json_pieces, "PIECE", 8)
        return json_text.is_large_json(text)


WAYS = [json_text.is_json, json_text.is_large_json, is_json_piece_by_piece]


@pytest.fixture(params=WAYS, ids=["usual", "large", "in small pieces"])
def check(request: pytest.FixtureRequest) -> Callable[[bytes], bool]:
    found: Callable[[bytes], bool] = request.param
    return found


@pytest.mark.parametrize("text", IS_JSON)
def test_what_is_json(text: bytes, check: Callable[[bytes], bool]) -> None:
    assert check(text)
    assert check(b"[%b]" % text)
    assert check(b' {"a":%b,"b":%b}\r\n' % (text, text))


@pytest.mark.parametrize("text", IS_NOT)
def test_what_is_not_json(text: bytes, check: Callable[[bytes], bool]) -> None:
    assert not check(text)
    if text.strip():
        assert not check(b"[1,%b]" % text)
        assert not check(b'{"a":%b}' % text)


def _by_the_book(text: bytes) -> bool:
    """What Python's own parser says, which takes NaN and the like unless it is told not to."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True


_SCRAPS = st.lists(
    st.sampled_from(
        [
            *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"-", b" ", b"\n", b"\\", b"\xff", b"\x00"),
            *(b'"a"', b"1", b".5", b"e1", b"0", b"true", b"null", b"[]", b"{}", b'"a":', b"NaN"),
        ]
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=400)
@given(
    _SCRAPS
    | st.binary(max_size=12)
    | st.text(max_size=6).map(lambda text: json.dumps(text).encode())
)
@example(b'{"a":[1,2,{"b":[],"c":{}}],"d":"x"}')
@example(b'[1,"a",[2,[]],{"a":1,"b":[{}]}]')
def test_all_ways_agree_with_pythons_own_parser(text: bytes) -> None:
    assert {is_json(text) for is_json in WAYS} == {_by_the_book(text)}


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
_LAYOUTS = st.sampled_from([None, 1, "\t"])


@given(_VALUES, st.booleans(), _LAYOUTS, st.data())
def test_a_value_is_json_and_without_a_byte_it_may_not_be(
    value: object, ascii: bool, indent: int | str | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent).encode(errors="replace")
    assert all(is_json(text) for is_json in WAYS)
    at = data.draw(st.integers(0, len(text) - 1))
    cut = text[:at] + text[at + 1 :]
    assert {is_json(cut) for is_json in WAYS} == {_by_the_book(cut)}


@given(
    _VALUES, st.binary(max_size=5), st.sampled_from([b"", b" ", b"]", b"}", b'"', b"|{"]), _LAYOUTS
)
def test_where_a_value_ends(
    value: object, before: bytes, after: bytes, indent: int | str | None
) -> None:
    text = json.dumps(value, indent=indent).encode()
    *_, end = json_pieces.value_end(before + text + after, len(before))
    assert end == len(before + text)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1,2", b'{"a":"}', b'["\\"]', b"}", b"]", b"-", b'"a', b"nul", b"[}]"]
)
def test_a_value_that_does_not_end(text: bytes) -> None:
    assert list(json_pieces.value_end(text, 0))[-1] == -1


def test_a_value_is_decoded() -> None:
    assert json_text.decode_object(b'{"seq":"7","a":[1.5,"\\u00e4"]}') == {
        "seq": "7",
        "a": [1.5, "ä"],
    }
    assert json_text.decode_object(b"[1]") == {}
    assert json_text.decode_object(b"NaN") == {}


@pytest.mark.parametrize("odd", [b'"\\ud83d"', b"1e400"], ids=["lone surrogate", "too large"])
@pytest.mark.parametrize(
    "number",
    [
        *(b"200", b"-7", b"21.50", b"1E5", b"123456789012345678901"),
        *(b"1732800000000000001", b"18446744073709551615", b"18446744073709551616"),
        *(b"-9223372036854775808", b"-9223372036854775809"),
    ],
)
def test_numbers_are_numbers_whatever_else_is_in_the_text(odd: bytes, number: bytes) -> None:
    decoded = json_text.decode_object(b'{"odd":%b,"a":[%b]}' % (odd, number))["a"]
    assert decoded == orjson.loads(b"[%b]" % number)
    assert type(decoded[0]) is type(orjson.loads(number))


def test_what_no_double_holds_is_its_text() -> None:
    decoded = json_text.decode_object(b'{"a":1e400,"b":-%b}' % (b"1" * 5000))
    assert decoded == {"a": "1e400", "b": "-" + "1" * 5000}


def test_of_what_is_too_deep_only_the_beginning_is_decoded() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert json_text.whole_object(b'{"seq":"7","a":%b}' % deep) is None
    usual = b'{"seq":"7","metadata":{"dsn":"D"},"a":%b}' % deep
    assert json_text.decode_object(usual) == {"seq": "7", "metadata": {"dsn": "D"}}


def test_a_string_is_one_value_whatever_it_holds() -> None:
    """Such as a device's log, as JSON or CSV within the value of a property."""
    text = '"\\[{,' * 50_000
    assert json_text.decode_object(json.dumps({"a": text}).encode()) == {"a": text}


RICH = {
    "empty arrays": b"[],",
    "empty objects": b"{},",
    "numbers": b"1.5,",
    "strings": b'"ab",',
    "members": b'"a":1.5,',
}


@pytest.mark.parametrize("name", RICH)
def test_what_is_too_rich_is_checked_in_little_memory(name: str) -> None:
    """Decoded, each of these texts would take 8 MiB or more."""
    many = RICH[name] * 110_000
    inner = b"{%b%b}" if name == "members" else b"[%b%b]"
    last = b'"a":1' if name == "members" else b"1"
    text = b'{"seq":"7","a":%b}' % (inner % (many, last))
    tracemalloc.start()
    assert json_text.is_json(text)
    assert not json_text.is_json(text[:-2])
    assert json_text.decode_object(text) == {"seq": "7"}
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 << 20


LENDERS = [
    (b'{"a":[{}', b"{}]}"),
    (b'{"a":{"b":{}', b'{"c":{}}}}'),
    (b'{"a":[{}', b'{"a":1},{"b":[{}]}]}'),
    (b'{"a":"', b'{"}'),
    (b'{"a":"', b'":{"}'),
    (b'{"a":"\\', b'{"}'),
    (b'{"a":1},{"b":2}', b"{}"),
    (b'{"a":1},"b":{}', b"{}"),
    (b'{"a":1},"b"', b"{}"),
    (b"{}],[{}", b"{}"),
    (b'{}},{"":{}', b"{}"),
    (b'{}],{"":{}', b"{}"),
    (b"{}]]!", b"{}"),
    (b"{}}]!", b"{}"),
    (b"{}!", b"{}"),
    (b"{}", b""),
    (b"{}", b"{} {}"),
]
"""Texts that are not JSON by themselves, though some are together, in an array or an object."""


@pytest.mark.parametrize("texts", LENDERS)
@pytest.mark.parametrize("before", [[], [b"{}"]])
@pytest.mark.parametrize("after", [[], [b"{}"]])
def test_no_text_lends_brackets_to_another(
    texts: tuple[bytes, bytes], before: list[bytes], after: list[bytes]
) -> None:
    one, other = texts
    assert not json_text.are_json([*before, one, other, *after])
    assert not json_text.are_json([*before, other, one, *after])


def test_usual_texts_are_told_at_once_to_be_json() -> None:
    usual = [b"{}", b' {"a" : [1,true,null,""]}\n', '{"a":"\\"}]Größe 🎈"}'.encode(), b"[]", b"0"]
    for count in range(1, len(usual) + 1):
        assert json_text.are_json(usual[:count])
        assert json_text.are_json(usual[-count:])


def test_errors_need_not_know_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    error = orjson.JSONDecodeError
    monkeypatch.setattr(error, "__init__", error.__init__)
    json_text.count_no_lines()
    with pytest.raises(error, match="unexpected character") as raised:
        orjson.loads("[1,\n2,x]")
    assert raised.value.pos == 6
    assert not hasattr(raised.value, "lineno")
    assert json_text.are_json([b"{}", b"[]"])
    assert not json_text.are_json([b"{}", b"[}"])


_JSON = st.recursive(
    st.sampled_from([b"0", b"true", b'""', b'"}"', b'"]"', b'",\\""']),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda values: b"[%b]" % b",".join(values)),
        st.lists(parts, max_size=3).map(
            lambda values: b"{%b}" % b",".join(b'"":%b' % value for value in values)
        ),
    ),
)


@given(st.lists(_JSON, min_size=1, max_size=3).map(b",".join), st.lists(st.integers(0, 99)))
@example(b'{"":[{}],"":{}}', [7, 10])
def test_what_is_told_at_once_to_be_json_is_json(text: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    texts = [text[a:b] for a, b in pairwise(places)]
    if json_text.are_json(texts):
        assert all(map(json_text.is_json, texts))
    assert json_text.are_json([text]) == json_text.is_json(text)
