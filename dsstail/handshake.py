"""The service's answer to the opening handshake (RFC 6455, 4.2.2): read, judged, and cut down.

No I/O: `read_head` is given what reads. An answer may be quoted in its status line only: its
headers and its body are not for anyone's eyes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from dsstail import keys
from dsstail.dialing import LONGEST_HEAD, Answered, Endpoint
from dsstail.errors import ConnectionFailed, Rejected

LONGEST_RETRY_AFTER = 3600.0
"""Seconds of a `Retry-After` that are believed."""

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_DATE = re.compile(rb"^date:[ \t]*([ -~]{1,40}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}[ \r\n]")
_CHECKED = re.compile(
    rb"(?:\AHTTP/|^upgrade:|^connection:|^sec-websocket-[a-z]+:).*\n", re.IGNORECASE | re.MULTILINE
)
_RETRY_AFTER = re.compile(
    rb"^retry-after:[ \t]*([ -~]{1,40}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)


def read_head(read: Callable[[], bytes], endpoint: Endpoint) -> tuple[bytes, bytes]:
    """The head of the answer, without interim ones (1xx) before it, and what came behind it.

    `read` gives the next bytes, `b""` at the end. Raises ConnectionFailed where that comes before
    anything else does, or no end of a head.
    """
    got = b""
    searched = size = 0
    while (end := _END_OF_HEAD.search(got, max(0, searched - 3))) is None or (
        _INTERIM.match(got) is not None
    ):
        if end is not None:
            got, searched = got[end.end() :], 0
            continue
        if size > LONGEST_HEAD:
            raise ConnectionFailed(f"{endpoint} sent an endless response header")
        more = read()
        if not more and not got:
            raise ConnectionFailed(f"{endpoint} closed during the handshake")
        if not more:
            break
        size += len(more)
        searched, got = len(got), got + more
    return (got, b"") if end is None else (got[: end.end()], got[end.end() :])


def answered(head: bytes) -> Answered:
    """What the head says of its status and its date."""
    status, date = _STATUS.match(head), _DATE.search(head)
    return Answered(int(status[1]) if status else None, date[1].decode() if date else "")


def check_status(head: bytes, endpoint: Endpoint) -> None:
    """Raises Rejected, or ConnectionFailed, unless the service switches protocols."""
    status = _STATUS.match(head)
    if status is None:
        raise ConnectionFailed(f"{endpoint} answered something that is not HTTP")
    code = int(status[1])
    if code == 101:
        return
    phrase = keys.concealed((status[2] or b"").decode(errors="backslashreplace")).strip()[:60]
    answer = f"HTTP {code} {phrase}".strip()
    if 300 <= code < 400:
        raise ConnectionFailed(f"{endpoint} wants to redirect ({answer}); a key stays where it is")
    raise Rejected(f"{endpoint} answered {answer}", status=code, retry_after=_retry_after(head))


def checked_lines(head: bytes) -> bytes:
    """A head with no lines but those that a client has to check."""
    return b"".join((*_CHECKED.findall(head), b"\r\n"))


def _retry_after(head: bytes) -> float | None:
    """The pause in seconds that the service asks for, as a number of them or as a date."""
    found = _RETRY_AFTER.search(head)
    if found is None:
        return None
    asked = found[1].decode()
    if asked.isdecimal():
        return min(float(asked), LONGEST_RETRY_AFTER)
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(asked)
        # One form of HTTP dates, that of C's asctime, does not say that it is GMT.
        pause = until.replace(tzinfo=until.tzinfo or UTC).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(pause, 0.0), LONGEST_RETRY_AFTER)
