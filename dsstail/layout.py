"""An event as the service usually writes it: compact, first `seq`, then `metadata`, then the body.

    {"seq":"13","metadata":{"dsn":"AC000W005606115",…},"datapoint":{…}}

A device sends the same metadata again and again. Who remembers what it says need not decode it
again, and of an event of many megabytes it is found at once.
"""

from __future__ import annotations

_SEQ = b'{"seq":"'
_SEQ_START = len(_SEQ)
_SEQ_END = _SEQ_START + 19
_BEFORE = b'","metadata":'


def divided(text: bytes) -> tuple[bytes, bytes, int]:
    """The digits of the `seq`, what is between them and the body, and where the body begins.

    Empty for an event that is written in another way. The division is a guess, which holds where
    `metadata_of` finds JSON in between; then the body ends before the last byte of the text.
    """
    quote = text.find(b'"', _SEQ_START, _SEQ_END)
    end = text.find(b"}", quote)
    body = text.find(b"{", end)
    digits = text[_SEQ_START:quote]
    if quote < 0 or body < 0 or not digits.isdigit() or text[:_SEQ_START] != _SEQ:
        return b"", b"", 0
    return digits, text[quote:body], body


def metadata_of(between: bytes, member: str) -> bytes | None:
    """The text of the metadata, where it is all that stands between `seq` and body `member`.

    It is the metadata if it is JSON: no JSON text is the beginning of another object's.
    """
    after = b',"%s":' % member.encode()
    if between.startswith(_BEFORE) and between.endswith(after):
        return between[len(_BEFORE) : -len(after)]
    return None
