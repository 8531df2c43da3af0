"""Settings: what the user asked for, checked, and completed by defaults.

Options come as `given` takes them. What does not work raises ConfigurationError, which names the
option, the variable or the setting.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dsstail import domains, keys
from dsstail.errors import ConfigurationError
from dsstail.given import Given, one_of
from dsstail.keys import StreamKey
from dsstail.profiles import NO_PROFILE, Profile
from dsstail.quantities import duration, positive, size, whole_number
from dsstail.wording import did_you_mean

if TYPE_CHECKING:
    from dsstail.fields import Condition, Template

OUTPUTS = ("text", "json", "pretty", "csv")
COLORS = ("auto", "always", "never")

LARGEST_MESSAGE = 64 << 20
"""Bytes: a recording could not be read that has larger ones, and little else would find room."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """Where to connect, with which keys, and how persistently. Times are seconds, sizes bytes."""

    url: str
    keys: tuple[StreamKey, ...]
    client_type: str = "cloud"
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
    """Which events to show, for `filters.build`: globs, of which a leading `!` excludes."""

    dsns: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    oem_models: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As options: `-d AC0* -t datapoint`; empty where every event is shown."""
        options = {
            "-d": self.dsns,
            "-t": self.event_types,
            "-P": self.properties,
            "--oem-model": self.oem_models,
        }
        return " ".join(f"{name} {','.join(globs)}" for name, globs in options.items() if globs)


@dataclass(frozen=True, slots=True)
class Showing:
    """How to print events, and how much to say beside them."""

    output: str
    color: bool
    utc: bool = False
    quiet: bool = False
    verbosity: int = 0
    annotate: bool = False
    template: Template | None = None
    """What lines of text look like, where they are not to look as usual."""
    highlight: re.Pattern[str] | None = None
    fold: bool = False
    color_told: bool = False
    """Whether to color what is told on stderr."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """When to stop unasked: after so many events shown, after so many seconds.

    And once an event meets all that is expected, which has `timeout` seconds.
    """

    count: int | None = None
    duration: float | None = None
    expected: tuple[Condition, ...] = ()
    timeout: float | None = None

    @property
    def time(self) -> float:
        """After how many seconds at the latest; infinite where that is left open."""
        return min(filter(None, (self.duration, self.timeout)), default=inf)


@dataclass(frozen=True, slots=True)
class TailSettings:
    """All that a live tail has to know."""

    connecting: Connecting
    filtering: Filtering
    showing: Showing
    stopping: Stopping


@dataclass(frozen=True, slots=True)
class Setting:
    """What one setting comes to, and who says so: `flag`, DSSTAIL_…, `profile NAME`, `default`."""

    name: str
    value: str | Path | float | bool | tuple[str, ...] | None
    origin: str


def connecting(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    profile: Profile,
    warn: Callable[[str], None],
    *,
    ask: bool = True,
) -> Connecting:
    """The connection's settings; where no source has a key, the user is asked for one.

    Not so without `ask`: then there may be no keys. `warn` is told what the user should know and
    stops nothing.
    """
    given = Given(options, environment, profile)
    client_type = _client_type(given)
    from_seq, to_seq = _window(given)
    url = _url(given)
    settings = Connecting(
        url=url,
        client_type=client_type,
        ca_file=given.value("ca_file", Path, None),
        from_seq=from_seq,
        to_seq=to_seq,
        reconnect=given.switch("reconnect", "no_reconnect", default=True),
        retry_for=given.value("retry_for", duration, None),
        idle_timeout=given.value("idle_timeout", positive(duration), 75.0),
        fill_gaps=given.switch("fill_gaps", "no_fill_gaps", default=client_type != "mobile"),
        max_message_size=given.value("max_message_size", _message_size, 16 << 20),
        strict=given.switch("strict", default=False),
        save_malformed=given.value("save_malformed", Path, None),
        # The keys come last: nobody should type one only to learn of a mistyped option.
        keys=_keys(given, warn, url if ask else None),
    )
    if from_seq is not None and len(settings.keys) > 1:
        raise ConfigurationError("--from-seq replays one stream: give it one key.")
    return settings


def filtering(
    options: Mapping[str, Any],
    profile: Profile = NO_PROFILE,
    warn: Callable[[str], None] = lambda text: None,
) -> Filtering:
    """The filters as they were given; each option takes the place of the profile's.

    `warn` is told of event types that the service's documentation does not know.
    """
    given = _unvaried(options, profile)
    return Filtering(
        dsns=each(given.list("dsn")),  # the service joins serial numbers so, too
        event_types=_event_types(given, warn),
        properties=each(given.list("property")),
        oem_models=each(given.list("oem_model")),
    )


def showing(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    stdout: TextIO,
    profile: Profile = NO_PROFILE,
    stderr: TextIO | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Showing:
    """How to print on `stdout`; unasked, a terminal gets colored text, and anything else JSON.

    On `stderr` only a terminal gets colors, whatever is asked for. `warn` is told of what changes
    nothing.
    """
    given = _unvaried(options, profile)
    output = given.value("output", one_of(OUTPUTS), "text" if stdout.isatty() else "json")
    template = given.value("format", _template, None)
    if options.get("format") is not None:
        if options.get("output") is not None and output != "text":
            raise ConfigurationError(f"--format makes lines of text, and -o {output} does not.")
        output = "text"
    for name in ("highlight", "fold"):
        if options.get(name) and output != "text":
            raise ConfigurationError(f"--{name} is for lines of text: add -o text.")
    if options.get("annotate") and output not in ("json", "pretty"):
        warn(f"--annotate adds to JSON: with -o {output} there is no use for it.")
    color = given.value("color", one_of(COLORS), "auto")
    return Showing(
        output=output,
        color=colored(color, environment, stdout),
        color_told=stderr is not None and stderr.isatty() and colored(color, environment, stderr),
        utc=given.switch("utc", default=False),
        quiet=given.switch("quiet", default=False),
        verbosity=options.get("verbose") or 0,
        annotate=given.switch("annotate", default=False),
        template=template if output == "text" else None,
        highlight=given.value("highlight", _regular_expression, None),
        fold=given.switch("fold", default=False),
    )


def stopping(options: Mapping[str, Any]) -> Stopping:
    """When to stop unasked, if at all."""
    given = Given(options, environment={})
    settings = Stopping(
        count=given.value("count", positive(whole_number), None),
        duration=given.value("duration", positive(duration), None),
        expected=given.value("expect", _conditions, ()),
        timeout=given.value("timeout", positive(duration), None),
    )
    if settings.timeout is not None and not settings.expected:
        raise ConfigurationError("--timeout is how long --expect may take: give both.")
    return settings


def effective(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    profile: Profile,
    stdout: TextIO,
    warn: Callable[[str], None],
) -> list[Setting]:
    """All that a profile or a variable can say, as it is for a tail with these options.

    Keys are masked, times seconds, sizes bytes. Nobody is asked for a key.
    """
    given = Given(options, environment, profile)
    unvaried = _unvaried(options, profile)
    tail = connecting(options, environment, profile, warn, ask=False)
    shown = showing(options, environment, stdout, profile)
    place = _place(given)
    connection: dict[str, Any] = {
        **({"region": place.region, "deployment": place.deployment} if place else {}),
        "client_type": tail.client_type,
        **asdict(tail),
        "keys": tuple(f"{key.name}={keys.masked(key.key)}" for key in tail.keys),
        "allow_plaintext": given.switch("allow_plaintext", default=False),
    }
    others = {
        **{name: each(unvaried.list(name)) for name in _FILTERS},
        "output": shown.output,
        "format": unvaried.value("format", str, None),
        "highlight": unvaried.value("highlight", str, None),
        "fold": shown.fold,
        "color": unvaried.value("color", one_of(COLORS), "auto"),
        "utc": shown.utc,
        "annotate": shown.annotate,
        "quiet": shown.quiet,
    }
    origins = {name: given.origin(*_DECIDED_BY.get(name, [name])) for name in connection}
    origins |= {name: unvaried.origin(name) for name in others}
    if tail.keys and origins["keys"] == "default":
        origins["keys"] = f"profile {profile.name}"
    return [Setting(name, value, origins[name]) for name, value in (connection | others).items()]


def each(values: Sequence[str]) -> tuple[str, ...]:
    """The values of an option that can be repeated, or hold several with commas between them.

    A `!` in front of several is for all of them.
    """
    found: list[str] = []
    for value in values:
        first, *others = [part.strip() for part in value.split(",")]
        unwanted = "!" if first.startswith("!") else ""
        found += [first, *(unwanted + other.removeprefix(unwanted) for other in others)]
    return tuple(found)


def colored(choice: str, environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether to color `stream`: `choice` decides, then NO_COLOR, FORCE_COLOR, the terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "") not in ("", "0"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


_FILTERS = ("dsn", "event_type", "property", "oem_model")
_PLACE = ("region", "field", "dev", "deployment", "client_type")
_DECIDED_BY = {
    "deployment": ("field", "dev", "deployment"),
    "url": ("url", *_PLACE),
    "keys": ("key", "key_file"),
    "reconnect": ("reconnect", "no_reconnect"),
    "fill_gaps": ("fill_gaps", "no_fill_gaps"),
}
"""Where not only the option or the variable of the same name decides."""


def _event_types(given: Given, warn: Callable[[str], None]) -> tuple[str, ...]:
    """The types, also of `-t datapoint,location`."""
    from dsstail.messages import BODIES

    types = each(given.list("event_type"))
    for said in types:
        name = said.removeprefix("!")
        if name and name not in BODIES and not re.search(r"[*?\[]", name):
            hint = did_you_mean(name.lower(), BODIES) or f"There is: {', '.join(BODIES)}."
            warn(f'no documented event type is "{name}". {hint}')
    return types


def _unvaried(options: Mapping[str, Any], profile: Profile) -> Given:
    """Filters and output, which have no variables; `--verbose` speaks against `--quiet`."""
    if options.get("verbose") and options.get("quiet") is None:
        options = {**options, "quiet": False}
    return Given(options, {}, profile)


def _template(text: str) -> Template:
    from dsstail.fields import template

    return template(text)


def _conditions(text: str) -> tuple[Condition, ...]:
    from dsstail.fields import conditions

    return conditions(text)


def _regular_expression(text: str) -> re.Pattern[str]:
    with warnings.catch_warnings(action="ignore"):
        try:
            return re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f'"{text}" is no regular expression: {error}') from None


def _message_size(text: str) -> int:
    most = positive(size)(text)
    if most > LARGEST_MESSAGE:
        raise ValueError("it can be 64MiB at most")
    return most


def _url(given: Given) -> str:
    """The URL that was given, else that of the place."""
    place = _place(given)
    if place is not None:
        return place.stream_url
    url = given.value("url", domains.stream_url, "")
    _check_plaintext(url, allowed=given.switch("allow_plaintext", default=False))
    return url


def _place(given: Given) -> domains.Place | None:
    """The place that was given; none where a URL is, and no place where that counts for more."""
    said = given.first("url", *_PLACE)
    if said is not None and said.name == "url":
        return None
    field = given.switch("field", "dev", default=None)
    if field is None:
        deployment = given.value("deployment", one_of(("field", "dev")), None)
    else:
        deployment = "field" if field else "dev"
    region = given.value("region", _region, "us")
    return domains.resolve(region, deployment, _client_type(given))


def _region(text: str) -> str:
    """A region; `us-field` is the name of a place elsewhere, but not here."""
    region, _, deployment = text.lower().partition("-")
    if region in domains.REGIONS and deployment in ("field", "dev"):
        raise ValueError(f'"{text}" is a region and a deployment: -r {region} --{deployment}')
    return one_of(domains.REGIONS)(text)


def _client_type(given: Given) -> str:
    return given.value("client_type", one_of(domains.CLIENT_TYPES), "cloud")


def _check_plaintext(url: str, *, allowed: bool) -> None:
    """`ws://` carries the key and the events in the clear: only on this machine, unless allowed."""
    if url.startswith("wss:") or allowed:
        return
    from dsstail.dialing import Endpoint

    if Endpoint.of(url).shows_key:
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


def _keys(given: Given, warn: Callable[[str], None], url: str | None) -> tuple[StreamKey, ...]:
    """The keys of the command line, the environment or the profile, else typed for `url`."""
    sources = [keys.Source("--key", text) for text in given.option("key") or ()]
    if (path := given.option("key_file")) is not None:
        sources += keys.from_file("--key-file", str(path), warn)
    if not sources and (text := given.variable("key")):
        sources = [keys.Source("DSSTAIL_KEY", text)]
    if not sources and (path := given.variable("key_file")):
        sources = keys.from_file("DSSTAIL_KEY_FILE", path, warn)
    sources = sources or _keys_of(given.profile, warn)
    if not sources:
        if url is None:
            return ()
        sources = keys.from_terminal(url)
    if not sources:
        raise ConfigurationError(
            "no stream key. Set DSSTAIL_KEY, use --key-file PATH, or run in a terminal to be asked."
        )
    found = keys.stream_keys(sources)
    if given.option("key"):
        keys.hide_arguments()
    return found


def _keys_of(profile: Profile, warn: Callable[[str], None]) -> list[keys.Source]:
    """All keys that a profile has, in whichever way."""
    settings = profile.settings
    sources = [keys.Source(f"{profile.place} keys", text) for text in settings.get("keys", ())]
    if path := settings.get("key_file"):
        sources += keys.from_file(f"{profile.place} key_file", path, warn)
    if words := settings.get("key_command"):
        sources += keys.from_command(f"{profile.place} key_command", words)
    return sources
