"""An event as the service usually writes it: first `seq`, then `metadata`, then the body.

    {"seq":"13","metadata":{"dsn":"AC000W005606115",…},"datapoint":{…}}

A device sends the same metadata again and again. Who remembers what it says need not decode it
again, and of an event of many megabytes it is found at once.
"""

from __future__ import annotations

import re

from dsstail.json_text import beginning
from dsstail.messages import Event

LARGE = 1 << 20
"""Bytes of an event beyond which it is not decoded to be shown: see `skimmed`."""

_BEFORE = b'","metadata":'

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
    """The event; one that is LARGE is not decoded beyond its `beginning`."""
    return Event(text, beginning(text), is_whole=False) if len(text) > LARGE else Event(text)
