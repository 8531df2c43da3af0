"""What a certificate says of itself: X.509 (RFC 5280) in DER, as far as a person asks.

Whether any of it is true is not judged here: that is for TLS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_UTC_TIME, _GENERALIZED_TIME, _BMP_STRING = 0x17, 0x18, 0x1E
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_ALTERNATIVE_NAMES, _DNS_NAME, _IP_ADDRESS = b"\x55\x1d\x11", 0x82, 0x87

FEW = 3
"""Names that are told where there are many."""

Value = tuple[int, bytes]
"""A tag and what it holds."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whose it is, who issued it, and when it is valid, in seconds since the epoch.

    `names` are the host names and addresses that it is for.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float

    @property
    def bearer(self) -> str:
        """Whom it is for, in a few words."""
        more = f" and {len(self.names) - FEW} more" if len(self.names) > FEW else ""
        return ", ".join(self.names[:FEW]) + more or self.subject


def read(der: bytes) -> Certificate:
    """Read a certificate. Raises ValueError for what is none."""
    try:
        ((_, signed),) = _values(der)
        (_, body), *_ = _values(signed)
        fields = [value for value in _values(body) if value[0] != _VERSION]
        _, _, issuer, validity, subject, _, *more = fields
        not_before, not_after = _values(validity[1])
        return Certificate(
            subject=_name(subject[1]),
            issuer=_name(issuer[1]),
            names=tuple(_alternative_names(more)),
            not_before=_time(not_before),
            not_after=_time(not_after),
        )
    except (IndexError, OverflowError) as error:
        raise ValueError("a certificate is cut short") from error


def _values(data: bytes) -> Iterator[Value]:
    """The values that stand one after the other in `data`."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            digits = size & 0x7F
            size = int.from_bytes(data[at : at + digits], "big")
            at += digits
        if at + size > len(data):
            raise ValueError("a value is longer than what holds it")
        yield tag, data[at : at + size]
        at += size


def _name(data: bytes) -> str:
    """`Common Name (Organization)`, or what there is of it."""
    said: dict[bytes, str] = {}
    for _, group in _values(data):
        for _, pair in _values(group):
            (_, kind), (tag, text) = _values(pair)
            encoding = "utf-16-be" if tag == _BMP_STRING else "utf-8"
            said.setdefault(kind, text.decode(encoding, "backslashreplace"))
    common, organization = said.get(_COMMON_NAME, ""), said.get(_ORGANIZATION, "")
    if not common or not organization or organization in common:
        return common or organization or "somebody without a name"
    return f"{common} ({organization})"


def _time(value: Value) -> float:
    tag, digits = value
    text = digits.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("a time is of an unknown kind")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _alternative_names(fields: list[Value]) -> Iterator[str]:
    for tag, wrapped in fields:
        if tag == _EXTENSIONS:
            ((_, extensions),) = _values(wrapped)
            for _, extension in _values(extensions):
                (_, kind), *_, (_, content) = _values(extension)
                if kind == _ALTERNATIVE_NAMES:
                    yield from _hosts(content)


def _hosts(content: bytes) -> Iterator[str]:
    ((_, names),) = _values(content)
    for tag, name in _values(names):
        if tag == _DNS_NAME:
            yield name.decode("ascii", "backslashreplace")
        elif tag == _IP_ADDRESS:
            yield str(ipaddress.ip_address(name))
