"""An event as the service usually writes it: first `seq`, then `metadata`, then the body.

    {"seq":"13","metadata":{"dsn":"AC000W005606115",…},"datapoint":{…}}

A device sends the same metadata again and again. Who remembers what it says need not decode it
again, and of an event of many megabytes it is found at once.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dsstail.messages import Event

LARGE = 1 << 20
"""Bytes of an event beyond which it is not decoded to be shown: see `skimmed`."""

_LONGEST_METADATA = 1 << 16
"""Bytes of metadata that `beginning` looks at."""

_BEFORE = b'","metadata":'

_BLANK = rb"[ \t\r\n]*+"
_HEAD = re.compile(  # with blanks or without
    _BLANK.join(
        [b"", rb"\{", b'"seq"', b":", b'"([0-9]{1,18})"', b",", b'"metadata"', b":", rb"(?=\{)"]
    )
)


divided = re.compile(
    rb'(?=.{,%d}+\Z)\{"seq":"([1-9][0-9]{,17})(","metadata":\{[^}]*+\}[^{]*+)(\{.*)\}\Z' % LARGE,
    re.DOTALL,
).match
"""Match the text of an event: its groups are the digits of the `seq`, what is between them and the
body, and the body.

None for an event that is large, not compact, or written in another order. The division is a
guess, which holds where `metadata_of` finds JSON in between, and the body is JSON.
"""


def metadata_of(between: bytes, member: str) -> bytes | None:
    """The text of the metadata, where it is all that stands between `seq` and body `member`.

    It is the metadata if it is JSON: no object's text is the beginning of another object's.
    """
    after = b',"%s":' % member.encode()
    if between.startswith(_BEFORE) and between.endswith(after):
        return between[len(_BEFORE) : -len(after)]
    return None


def is_flat(body: bytes) -> bool:
    """Whether the body of a `divided` event is one object; none within it, but an empty last one.

    Then the event has no member behind it. The event has to be JSON.
    """
    nested = body.find(b"{", 1)
    return body.endswith(b"}") if nested < 0 else body[nested:] == b"{}}"


def skimmed(text: bytes) -> Event:
    """The event; of one that is LARGE, `data` is only its `beginning`."""
    return Event(text, beginning(text) if len(text) > LARGE else None)


def beginning(text: bytes) -> dict[str, Any]:
    """What a large event begins with, decoded: its `seq` and then its `metadata`.

    It takes the same time however long the text is. What is not there in this order is left out.
    """
    head = _HEAD.match(text)
    if head is None:
        return {}
    leading = text[head.end() : head.end() + _LONGEST_METADATA].decode(errors="replace")
    try:
        metadata, _ = json.JSONDecoder().raw_decode(leading)
    except (ValueError, RecursionError):
        return {"seq": head[1].decode()}
    return {"seq": head[1].decode(), "metadata": metadata}
