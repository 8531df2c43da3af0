"""Settings: the command line before the environment before defaults, checked and frozen.

Options come as text under their long names, with `_` for `-`, and None where they were not given.
What does not work raises ConfigurationError, which names the option or the variable.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar
from urllib.parse import parse_qs, urlsplit

from dsstail import domains, keys
from dsstail.errors import ConfigurationError
from dsstail.keys import StreamKey

Parsed = TypeVar("Parsed")
Default = TypeVar("Default")

OUTPUTS = ("text", "json", "pretty", "csv")
COLORS = ("auto", "always", "never")

LONGEST_DURATION = 10 * 365 * 86400.0
"""Seconds; no timer of the system chokes on it."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """Where to connect, with which keys, and how persistently. Times are seconds, sizes bytes."""

    url: str
    keys: tuple[StreamKey, ...]
    ca_file: Path | None = None
    from_seq: int | None = None
    to_seq: int | None = None
    reconnect: bool = True
    retry_for: float | None = None
    idle_timeout: float = 75.0
    fill_gaps: bool = True
    max_message_size: int = 16 << 20
    strict: bool = False
    save_malformed: Path | None = None


@dataclass(frozen=True, slots=True)
class Filtering:
    """Which events to show: globs, of which a leading `!` excludes."""

    dsns: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    oem_models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Showing:
    """How to print events, and how much to say beside them."""

    output: str
    color: bool
    utc: bool = False
    quiet: bool = False
    verbosity: int = 0
    annotate: bool = False


@dataclass(frozen=True, slots=True)
class Stopping:
    """When to stop unasked: after so many events shown, after so many seconds."""

    count: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class TailSettings:
    """All that a live tail has to know."""

    connecting: Connecting
    filtering: Filtering
    showing: Showing
    stopping: Stopping


def connecting(
    options: Mapping[str, Any], environment: Mapping[str, str], warn: Callable[[str], None]
) -> Connecting:
    """The connection's settings; where no source has a key, the user is asked for one.

    `warn` is told what the user should know and stops nothing.
    """
    given = Given(options, environment)
    client_type = given.value("client_type", _one_of(domains.CLIENT_TYPES), "cloud")
    from_seq, to_seq = _window(given)
    settings = Connecting(
        url=_url(given, client_type),
        ca_file=given.value("ca_file", Path, None),
        from_seq=from_seq,
        to_seq=to_seq,
        reconnect=given.switch("reconnect", "no_reconnect", default=True),
        retry_for=given.value("retry_for", duration, None),
        idle_timeout=given.value("idle_timeout", _positive(duration), 75.0),
        fill_gaps=given.switch("fill_gaps", "no_fill_gaps", default=client_type != "mobile"),
        max_message_size=given.value("max_message_size", _positive(size), 16 << 20),
        strict=given.switch("strict", default=False),
        save_malformed=given.value("save_malformed", Path, None),
        # The keys come last: nobody should type one only to learn of a mistyped option.
        keys=_keys(given, warn),
    )
    if from_seq is not None and len(settings.keys) > 1:
        raise ConfigurationError("--from-seq replays one stream: give it one key.")
    return settings


def filtering(options: Mapping[str, Any]) -> Filtering:
    """The filters as they were given."""
    return Filtering(
        dsns=tuple(options.get("dsn") or ()),
        event_types=tuple(options.get("event_type") or ()),
        properties=tuple(options.get("property") or ()),
        oem_models=tuple(options.get("oem_model") or ()),
    )


def showing(options: Mapping[str, Any], environment: Mapping[str, str], stdout: TextIO) -> Showing:
    """How to print on `stdout`; unasked, a terminal gets colored text, and anything else JSON."""
    given = Given(options, environment={})
    return Showing(
        output=given.value("output", _one_of(OUTPUTS), "text" if stdout.isatty() else "json"),
        color=colored(given.value("color", _one_of(COLORS), "auto"), environment, stdout),
        utc=given.switch("utc", default=False),
        quiet=given.switch("quiet", default=False),
        verbosity=options.get("verbose") or 0,
        annotate=given.switch("annotate", default=False),
    )


def stopping(options: Mapping[str, Any]) -> Stopping:
    """When to stop unasked, if at all."""
    given = Given(options, environment={})
    return Stopping(
        count=given.value("count", _positive(whole_number), None),
        duration=given.value("duration", _positive(duration), None),
    )


def colored(choice: str, environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether to color `stream`: `choice` decides, then NO_COLOR, FORCE_COLOR, the terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "") not in ("", "0"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


def whole_number(text: str) -> int:
    """A number from 0 on."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is not a whole number')
    return int(text)


def number(text: str) -> float:
    """A decimal number from 0 on."""
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text):
        raise ValueError(f'"{text}" is not a number')
    return float(text)


_SECONDS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1} | {
    letter + unit: base**power
    for power, letter in enumerate("kmg", start=1)
    for unit, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")


def duration(text: str) -> float:
    """Seconds from `75s`, `5m`, `2h`, `1d`, `1.5s`, `500ms` or a plain number of them."""
    quantity = _QUANTITY.fullmatch(text)
    if quantity is None or quantity[2] not in _SECONDS:
        raise ValueError(f'"{text}" is not a time such as 500ms, 75s, 5m, 2h or 1d')
    seconds = float(quantity[1]) * _SECONDS[quantity[2]]
    if seconds > LONGEST_DURATION:
        raise ValueError(f'"{text}" is longer than ten years')
    return seconds


def size(text: str) -> int:
    """Bytes from `16MiB` or `64k` (powers of 1024), `100MB` (of 1000) or a plain number of them."""
    quantity = _QUANTITY.fullmatch(text)
    if quantity is None or quantity[2].lower() not in _BYTES:
        raise ValueError(f'"{text}" is not a size such as 16MiB, 100MB or 64k')
    return int(float(quantity[1]) * _BYTES[quantity[2].lower()])


class Given:
    """What the user asked for, by option name: the command line before `DSSTAIL_…` variables."""

    def __init__(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._options = options
        self._environment = environment

    def option(self, name: str) -> Any:
        """What the command line says, None where it says nothing."""
        return self._options.get(name)

    def variable(self, name: str) -> str | None:
        """What the environment says; an empty variable says nothing."""
        return self._environment.get(_variable(name)) or None

    def value(
        self, name: str, parse: Callable[[str], Parsed], default: Default
    ) -> Parsed | Default:
        """The option as `parse` reads it, whose ValueError tells what is wrong."""
        option = self.option(name)
        text = self.variable(name) if option is None else str(option)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            origin = _variable(name) if option is None else _flag(name)
            raise ConfigurationError(f"{origin}: {error}.") from None

    def switch(self, name: str, opposite: str | None = None, *, default: Default) -> bool | Default:
        """A flag; in the environment it goes by its own name or by that of its opposite."""
        option = self.option(name)
        if option is not None:
            return bool(option)
        on = self._yes(name)
        off = self._yes(opposite) if opposite else None
        if opposite and on is not None and on == off:
            raise ConfigurationError(f"{_variable(name)} contradicts {_variable(opposite)}.")
        if on is None and off is None:
            return default
        return on if on is not None else not off

    def _yes(self, name: str) -> bool | None:
        text = self.variable(name)
        if text is None:
            return None
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigurationError(f'{_variable(name)}: "{text}" is neither 1 nor 0.')


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return "DSSTAIL_" + name.upper()


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f'"{text}" is none of {", ".join(choices)}')
        return text

    return parse


def _positive(parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    def parse_positive(text: str) -> Parsed:
        value = parse(text)
        if not value:
            raise ValueError("it must be more than 0")
        return value

    return parse_positive


def _url(given: Given, client_type: str) -> str:
    """The URL that was given, else that of the place.

    A place on the command line counts for more than a URL in the environment.
    """
    places = [given.option(name) for name in ("region", "field", "client_type")]
    if given.option("url") is not None or places == [None, None, None]:
        url = given.value("url", _stream_url, None)
        if url is not None:
            _check_plaintext(url, allowed=given.switch("allow_plaintext", default=False))
            return url
    field = given.switch("field", "dev", default=None)
    deployment = None if field is None else "field" if field else "dev"
    region = given.value("region", _one_of(domains.REGIONS), "us")
    return domains.resolve(region, deployment, client_type).stream_url


_OURS = {"stream_key", "seq_start", "seq_end"}
"""What is added to the query of a stream's URL."""


def _stream_url(text: str) -> str:
    """A URL that a key can be added to. It may hold one already, so no message quotes it."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a URL has no blanks, no control characters and nothing beyond ASCII")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port is not valid") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise ValueError("it must look like wss://HOST/stream")
    if "@" in parts.netloc:
        raise ValueError("a user or a password has no place in it")
    if "#" in text:
        raise ValueError("a #fragment has no place in it")
    if _OURS & parse_qs(parts.query, keep_blank_values=True).keys():
        raise ValueError("the key goes into --key, a window into --from-seq and --to-seq")
    return parts.scheme + text[len(parts.scheme) :]


def _check_plaintext(url: str, *, allowed: bool) -> None:
    """`ws://` carries the key and the events in the clear: only on this machine, unless allowed."""
    host = urlsplit(url).hostname or ""
    if url.startswith("wss:") or allowed or host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise ConfigurationError(
        "ws:// shows the key to the network. Use wss://, or --allow-plaintext to accept it."
    )


def _window(given: Given) -> tuple[int | None, int | None]:
    """The first and the last seq to replay."""
    first = given.value("from_seq", whole_number, None)
    last = given.value("to_seq", whole_number, None)
    if last is not None and first is None:
        raise ConfigurationError("--to-seq ends a window that --from-seq begins: give both.")
    if last is not None and first is not None and last < first:
        raise ConfigurationError(f"--to-seq {last} comes before --from-seq {first}.")
    return first, last


def _keys(given: Given, warn: Callable[[str], None]) -> tuple[StreamKey, ...]:
    """The keys of the command line, else of the environment, else typed at a hidden prompt."""
    sources = [keys.Source("--key", text) for text in given.option("key") or ()]
    if (path := given.option("key_file")) is not None:
        sources += keys.from_file("--key-file", str(path), warn)
    if not sources and (text := given.variable("key")):
        sources = [keys.Source("DSSTAIL_KEY", text)]
    if not sources and (path := given.variable("key_file")):
        sources = keys.from_file("DSSTAIL_KEY_FILE", path, warn)
    sources = sources or keys.from_terminal()
    if not sources:
        raise ConfigurationError(
            "no stream key. Set DSSTAIL_KEY, use --key-file PATH, or run in a terminal to be asked."
        )
    found = keys.stream_keys(sources)
    if given.option("key"):
        keys.hide_arguments()
    return found
