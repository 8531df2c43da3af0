"""Options, variables and defaults into settings, and keys that stay hidden."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsstail import config, keys, quantities
from dsstail.config import Connecting, Filtering, Showing, Stopping
from dsstail.errors import ConfigurationError
from dsstail.keys import Source, StreamKey, concealed, masked, stream_keys
from dsstail.profiles import NO_PROFILE, Profile

KEY = "ab120123456789abcdef0123456789cd01"
OTHER = "ef340123456789abcdef0123456789ab02"


def connecting(
    options: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    profile: Profile = NO_PROFILE,
) -> Connecting:
    """The settings of a command line with one key on it."""
    return config.connecting({"key": [KEY]} | (options or {}), environment or {}, profile, unwarned)


def lab(**settings: Any) -> Profile:
    """A profile as it comes out of the file."""
    return Profile("lab", "FILE [profiles.lab]", "flag", settings)


def unwarned(text: str) -> None:
    raise AssertionError(f"unexpected warning: {text}")


def refusal(
    options: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    profile: Profile = NO_PROFILE,
) -> str:
    with pytest.raises(ConfigurationError) as failure:
        connecting(options, environment, profile)
    assert failure.value.exit_code == 2
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__ or failure.value.__context__ is None
    return str(failure.value)


class Screen(io.StringIO):
    """Text output that is a terminal."""

    def isatty(self) -> bool:
        return True


# Layers


def test_defaults() -> None:
    assert connecting() == Connecting(
        url="wss://stream.aylanetworks.com/stream",
        keys=(StreamKey("stream", KEY),),
        ca_file=None,
        from_seq=None,
        to_seq=None,
        reconnect=True,
        retry_for=None,
        idle_timeout=75.0,
        fill_gaps=True,
        max_message_size=16 * 1024 * 1024,
        strict=False,
        save_malformed=None,
    )


OPTIONS = {
    "region": "eu",
    "client_type": "mobile",
    "key": ["lab=" + OTHER],
    "ca_file": Path("ca.pem"),
    "from_seq": "5",
    "to_seq": "9",
    "reconnect": False,
    "retry_for": "5m",
    "idle_timeout": "90s",
    "fill_gaps": True,
    "max_message_size": "1MiB",
    "strict": True,
    "save_malformed": Path("bad.txt"),
}
VARIABLES = {
    "DSSTAIL_REGION": "eu",
    "DSSTAIL_CLIENT_TYPE": "mobile",
    "DSSTAIL_KEY": "lab=" + OTHER,
    "DSSTAIL_CA_FILE": "ca.pem",
    "DSSTAIL_FROM_SEQ": "5",
    "DSSTAIL_TO_SEQ": "9",
    "DSSTAIL_NO_RECONNECT": "1",
    "DSSTAIL_RETRY_FOR": "5m",
    "DSSTAIL_IDLE_TIMEOUT": "90s",
    "DSSTAIL_FILL_GAPS": "yes",
    "DSSTAIL_MAX_MESSAGE_SIZE": "1MiB",
    "DSSTAIL_STRICT": "true",
    "DSSTAIL_SAVE_MALFORMED": "bad.txt",
}
SETTINGS = Connecting(
    url="wss://mstream-field-eu.aylanetworks.com/stream",
    keys=(StreamKey("lab", OTHER),),
    client_type="mobile",
    ca_file=Path("ca.pem"),
    from_seq=5,
    to_seq=9,
    reconnect=False,
    retry_for=300.0,
    idle_timeout=90.0,
    fill_gaps=True,
    max_message_size=1 << 20,
    strict=True,
    save_malformed=Path("bad.txt"),
)


def test_every_option_of_the_connection_counts_and_has_its_variable() -> None:
    assert connecting(OPTIONS) == SETTINGS
    assert config.connecting({}, VARIABLES, NO_PROFILE, unwarned) == SETTINGS


def test_the_command_line_comes_before_the_environment() -> None:
    nonsense = dict.fromkeys(VARIABLES, "?")
    assert connecting(OPTIONS, nonsense) == SETTINGS


PROFILE = lab(
    region="eu",
    client_type="mobile",
    keys=("lab=" + OTHER,),
    ca_file="ca.pem",
    reconnect=False,
    retry_for="5m",
    idle_timeout="90s",
    fill_gaps=True,
    max_message_size="1MiB",
    strict=True,
    save_malformed="bad.txt",
)


def test_a_profile_has_all_but_the_window() -> None:
    whole = dataclasses.replace(SETTINGS, from_seq=None, to_seq=None)
    assert config.connecting({}, {}, PROFILE, unwarned) == whole


def test_options_and_variables_come_before_the_profile() -> None:
    nonsense = lab(**dict.fromkeys(PROFILE.settings, "?"))
    assert connecting(OPTIONS, {}, nonsense) == SETTINGS
    assert config.connecting({}, VARIABLES, nonsense, unwarned) == SETTINGS


def test_each_layer_speaks_for_itself_alone() -> None:
    settings = connecting(
        {"idle_timeout": "1s"},
        {"DSSTAIL_IDLE_TIMEOUT": "2s", "DSSTAIL_RETRY_FOR": "2s", "DSSTAIL_RECONNECT": "1"},
        lab(idle_timeout="3s", retry_for="3s", max_message_size="3", reconnect=False, strict=True),
    )
    assert (settings.idle_timeout, settings.retry_for, settings.max_message_size) == (1.0, 2.0, 3)
    assert settings.reconnect
    assert settings.strict
    assert not connecting({"strict": False}, {}, lab(strict=True)).strict


def test_what_is_wrong_in_a_profile_is_told_with_its_place() -> None:
    assert refusal({}, {}, lab(region="jp")) == (
        'FILE [profiles.lab] region: "jp" is none of us, eu, cn.'
    )
    assert refusal({}, {}, lab(deployment="test")) == (
        'FILE [profiles.lab] deployment: "test" is none of field, dev.'
    )
    assert refusal({}, {}, lab(idle_timeout="0")) == (
        "FILE [profiles.lab] idle_timeout: it must be more than 0."
    )
    assert refusal({"key": None}, {}, lab(keys=("a b",))) == (
        "FILE [profiles.lab] keys: a key has no blanks or control characters."
    )


def test_an_empty_variable_says_nothing() -> None:
    assert connecting({}, dict.fromkeys(VARIABLES, "")) == connecting()


def test_mobile_keys_leave_gaps_alone_by_default() -> None:
    assert connecting({"client_type": "mobile"}).fill_gaps is False
    assert connecting({"client_type": "mobile", "fill_gaps": True}).fill_gaps is True
    assert connecting({}, {"DSSTAIL_FILL_GAPS": "0"}).fill_gaps is False


def test_a_switch_in_the_environment_is_on_or_off() -> None:
    assert [
        connecting({}, {"DSSTAIL_STRICT": said}).strict for said in ("1", "YES", "on", "0", "No")
    ] == [True, True, True, False, False]
    told = refusal({}, {"DSSTAIL_STRICT": "maybe"})
    assert told == 'DSSTAIL_STRICT: "maybe" is neither 1 nor 0.'


def test_flags_that_contradict_themselves_in_the_environment() -> None:
    variables = {"DSSTAIL_FIELD": "1", "DSSTAIL_DEV": "1"}
    assert refusal({}, variables) == "DSSTAIL_FIELD contradicts DSSTAIL_DEV."
    assert (
        connecting({"field": True}, variables).url == "wss://stream-field.aylanetworks.com/stream"
    )


# Where to connect


@pytest.mark.parametrize(
    ("options", "variables", "host"),
    [
        ({"field": True}, {}, "stream-field.aylanetworks.com"),
        ({"field": False}, {"DSSTAIL_FIELD": "1"}, "stream.aylanetworks.com"),
        ({"region": "cn"}, {"DSSTAIL_FIELD": "on"}, "stream-field.ayla.com.cn"),
        ({"region": "cn"}, {"DSSTAIL_DEV": "off"}, "stream-field.ayla.com.cn"),
        ({"region": "cn"}, {"DSSTAIL_DEPLOYMENT": "field"}, "stream-field.ayla.com.cn"),
        ({"field": False}, {"DSSTAIL_DEPLOYMENT": "field"}, "stream.aylanetworks.com"),
        ({"region": "eu"}, {}, "stream-field-eu.aylanetworks.com"),
        ({"client_type": "mobile"}, {}, "mstream-dev.aylanetworks.com"),
        # A URL takes the place of the three, but one in the environment not of those typed.
        ({}, {"DSSTAIL_URL": "wss://x.test/stream"}, "x.test"),
        ({"url": "wss://x.test/stream"}, {"DSSTAIL_REGION": "eu", "DSSTAIL_DEV": "1"}, "x.test"),
        ({"url": "wss://x.test/stream", "region": "jp"}, {}, "x.test"),
        ({"region": "us"}, {"DSSTAIL_URL": "wss://x.test/stream"}, "stream.aylanetworks.com"),
    ],
)
def test_where_to_connect(options: dict[str, Any], variables: dict[str, str], host: str) -> None:
    assert connecting(options, variables).url == f"wss://{host}/stream"


@pytest.mark.parametrize(
    ("options", "variables", "settings", "host"),
    [
        ({}, {}, {"region": "us", "deployment": "field"}, "stream-field.aylanetworks.com"),
        ({"region": "cn"}, {}, {"region": "us", "deployment": "field"}, "stream-field.ayla.com.cn"),
        ({"field": False}, {}, {"deployment": "field"}, "stream.aylanetworks.com"),
        ({}, {"DSSTAIL_DEV": "1"}, {"deployment": "field"}, "stream.aylanetworks.com"),
        ({}, {}, {"url": "wss://x.test/stream", "region": "eu"}, "x.test"),
        ({}, {"DSSTAIL_URL": "wss://x.test/stream"}, {"region": "eu"}, "x.test"),
        ({"region": "eu"}, {}, {"url": "wss://x.test/stream"}, "stream-field-eu.aylanetworks.com"),
        ({"field": True}, {}, {"url": "wss://x.test/stream"}, "stream-field.aylanetworks.com"),
        ({"field": False}, {}, {"url": "wss://x.test/stream"}, "stream.aylanetworks.com"),
        (
            {"client_type": "mobile"},
            {},
            {"url": "wss://x.test/stream"},
            "mstream-dev.aylanetworks.com",
        ),
        (
            {},
            {"DSSTAIL_REGION": "eu"},
            {"url": "wss://x.test/stream"},
            "stream-field-eu.aylanetworks.com",
        ),
    ],
)
def test_where_a_profile_connects(
    options: dict[str, Any], variables: dict[str, str], settings: dict[str, Any], host: str
) -> None:
    assert connecting(options, variables, lab(**settings)).url == f"wss://{host}/stream"


def test_a_place_that_does_not_exist() -> None:
    assert refusal({"region": "eu", "field": False}) == (
        "there is no dev deployment in eu. Deployments: us dev, field; cn dev, field; eu field."
    )
    assert refusal({"region": "jp"}) == '--region: "jp" is none of us, eu, cn.'
    assert refusal({}, {"DSSTAIL_CLIENT_TYPE": "x"}) == (
        'DSSTAIL_CLIENT_TYPE: "x" is none of cloud, mobile.'
    )
    assert refusal({"region": "US-field"}) == (
        '--region: "US-field" is a region and a deployment: -r us --field.'
    )


def test_words_can_be_large_or_small() -> None:
    settings = connecting({"region": "EU", "client_type": "Mobile"})
    assert settings.url == "wss://mstream-field-eu.aylanetworks.com/stream"
    shown = config.showing({"output": "JSON", "color": "Always"}, {}, Screen())
    assert (shown.output, shown.color) == ("json", True)


@pytest.mark.parametrize(
    ("output", "told"),
    [("text", True), ("csv", True), ("json", False), ("pretty", False)],
)
def test_what_annotate_adds_to_is_json(output: str, told: bool) -> None:
    warnings: list[str] = []
    config.showing({"annotate": True}, {}, Screen(), lab(output=output), warn=warnings.append)
    warning = f"--annotate adds to JSON: with -o {output} there is no use for it."
    assert warnings == [warning] * told
    config.showing({}, {}, Screen(), lab(output=output, annotate=True), warn=warnings.append)
    config.showing({"annotate": False}, {}, Screen(), lab(output=output), warn=warnings.append)
    assert len(warnings) == told


@pytest.mark.parametrize(
    "url",
    [
        "wss://example.com/stream",
        "wss://example.com:8443/a/b?c=d",
        "ws://localhost:8080/stream",
        "ws://127.0.0.1:8080/stream",
        "ws://127.8.8.8/",
        "ws://[::1]:8080/stream",
    ],
)
def test_urls_that_are_taken_as_given(url: str) -> None:
    assert connecting({"url": url}).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "it must look like wss://HOST/stream"),
        ("https://example.com/stream", "it must look like wss://HOST/stream"),
        ("example.com/stream", "it must look like wss://HOST/stream"),
        ("wss:///stream", "it must look like wss://HOST/stream"),
        ("wss://x.test:0/stream", "it must look like wss://HOST/stream"),
        ("wss://x.test:99999/stream", "its host or port is not valid"),
        ("wss://x.test:http/stream", "its host or port is not valid"),
        ("wss://[::1/stream", "its host or port is not valid"),
        ("wss://me:secret@x.test/stream", "a user or a password has no place in it"),
        ("wss://x.test/stream#top", "a #fragment has no place in it"),
        ("wss://x.test/a b", "a URL has no blanks, no control characters and nothing beyond ASCII"),
        (
            "wss://x.test/a\r\nb",
            "a URL has no blanks, no control characters and nothing beyond ASCII",
        ),
        ("wss://ä.test/", "a URL has no blanks, no control characters and nothing beyond ASCII"),
        (
            f"wss://x.test/stream?stream_key={KEY}",
            "the key goes into --key, a window into --from-seq and --to-seq",
        ),
        (
            "wss://x.test/stream?a=b&seq%5Fstart=",
            "the key goes into --key, a window into --from-seq and --to-seq",
        ),
    ],
)
def test_urls_that_cannot_work(url: str, reason: str) -> None:
    assert refusal({"url": url}) == f"--url: {reason}."


@pytest.mark.parametrize(
    "host", ["example.com", "192.168.0.1", "localhost.example.com", "[fe80::1]"]
)
def test_plaintext_beyond_this_machine_has_to_be_allowed(host: str) -> None:
    url = f"ws://{host}/stream"
    assert refusal({"url": url}) == (
        "ws:// shows the key to the network. Use wss://, or --allow-plaintext to accept it."
    )
    assert connecting({"url": url, "allow_plaintext": True}).url == url
    assert connecting({"url": url}, {"DSSTAIL_ALLOW_PLAINTEXT": "1"}).url == url


def test_the_scheme_of_a_url_is_written_small() -> None:
    assert connecting({"url": "WSS://X.test/Stream"}).url == "wss://X.test/Stream"


def test_a_window_belongs_to_one_stream_and_has_its_ends_in_order() -> None:
    assert connecting({"from_seq": "5", "to_seq": "5"}).to_seq == 5
    assert refusal({"to_seq": "9"}) == ("--to-seq ends a window that --from-seq begins: give both.")
    assert refusal({"from_seq": "9", "to_seq": "8"}) == "--to-seq 8 comes before --from-seq 9."
    assert refusal({"from_seq": "-1"}) == "--from-seq: it must be 0 or more."
    assert refusal({"from_seq": "1", "key": [KEY, OTHER]}) == (
        "--from-seq replays one stream: give it one key."
    )


# Quantities


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("75s", 75.0),
        ("75", 75.0),
        ("5m", 300.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("0", 0.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert connecting({"retry_for": text}).retry_for == seconds


@pytest.mark.parametrize("text", ["", "s", "5x", "-s", "5 m s", "1e3", "inf", "nan", "٣s", "5M"])
def test_what_is_no_duration(text: str) -> None:
    assert refusal({"retry_for": text}) == (
        f'--retry-for: "{text}" is not a time such as 500ms, 75s, 5m, 2h or 1d.'
    )


def test_durations_have_their_limits() -> None:
    assert (
        refusal({"retry_for": "9" * 17}) == f'--retry-for: "{"9" * 17}" is longer than ten years.'
    )
    assert refusal({"retry_for": "-5s"}) == "--retry-for: it must be 0 or more."
    assert refusal({"idle_timeout": "-5s"}) == "--idle-timeout: it must be more than 0."
    assert refusal({"max_message_size": "-1"}) == "--max-message-size: it must be more than 0."
    assert refusal({"max_message_size": "65MiB"}) == "--max-message-size: it can be 64MiB at most."
    assert refusal({"idle_timeout": "0s"}) == "--idle-timeout: it must be more than 0."
    assert refusal({}, {"DSSTAIL_IDLE_TIMEOUT": "0"}) == (
        "DSSTAIL_IDLE_TIMEOUT: it must be more than 0."
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16MiB", 16 * 1024 * 1024),
        ("100MB", 100_000_000),
        ("64k", 65536),
        ("64KiB", 65536),
        ("1.5k", 1536),
        ("1g", 1 << 30),
        ("500", 500),
        ("500B", 500),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert quantities.size(text) == size


@pytest.mark.parametrize("text", ["", "k", "1X", "-k", "1kk"])
def test_what_is_no_size(text: str) -> None:
    assert refusal({"max_message_size": text}) == (
        f'--max-message-size: "{text}" is not a size such as 16MiB, 100MB or 64k.'
    )


@given(st.text(st.sampled_from("0123456789.smhdkMiGB -x٣")))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for parse in (
        quantities.duration,
        quantities.size,
        quantities.whole_number,
        quantities.number,
    ):
        with contextlib.suppress(ValueError):
            assert parse(text) >= 0


# Keys


def names(*texts: str) -> list[tuple[str, str]]:
    return [(k.name, k.key) for k in stream_keys(Source("--key", text) for text in texts)]


def test_streams_have_names() -> None:
    assert names(KEY) == [("stream", KEY)]
    assert names(f"my.lab_1-x={KEY}") == [("my.lab_1-x", KEY)]
    assert names(KEY, OTHER) == [("stream-1", KEY), ("stream-2", OTHER)]
    assert names(f"stream-1={KEY}", OTHER) == [("stream-1", KEY), ("stream-2", OTHER)]
    assert names("stream=a==") == [("stream", "a==")]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([""], "the key is empty"),
        (["lab="], "the key is empty"),
        ([f"={KEY}"], "before the = goes a name of letters, digits, dots, _ and -"),
        ([f"a/b={KEY}"], "before the = goes a name of letters, digits, dots, _ and -"),
        ([f"{KEY} "], "a key has no blanks or control characters"),
        ([f"{KEY}\n"], "a key has no blanks or control characters"),
        ([f"{KEY}\x1b"], "a key has no blanks or control characters"),
        (["a\u00a0b"], "a key has no blanks or control characters"),
        (["\udc80"], "a key has no blanks or control characters"),
        ([f'"{KEY}"'], "the quotes around a key are no part of it: take them off"),
        ([f"lab='{KEY}'"], "the quotes around a key are no part of it: take them off"),
        ([KEY, f"again={KEY}"], "key ab12…cd01 is there twice"),
        ([f"lab={KEY}", f"lab={OTHER}"], "a second key is named lab"),
    ],
)
def test_keys_that_cannot_work_are_not_quoted(texts: list[str], reason: str) -> None:
    assert refusal({"key": texts}) == f"--key: {reason}."


def test_the_command_line_s_keys_come_before_the_environment_s(tmp_path: Path) -> None:
    file = key_file(tmp_path, f"  # both\n\nlab={OTHER}\n")
    environment = {"DSSTAIL_KEY": "e1=env-key", "DSSTAIL_KEY_FILE": str(file)}

    def found(options: dict[str, Any], environment: dict[str, str]) -> list[str]:
        settings = config.connecting(options, environment, NO_PROFILE, unwarned)
        return [stream.name for stream in settings.keys]

    assert found({"key": [KEY], "key_file": file}, environment) == ["stream-1", "lab"]
    assert found({"key_file": file}, environment) == ["lab"]
    assert found({}, environment) == ["e1"]
    assert found({}, {"DSSTAIL_KEY_FILE": str(file)}) == ["lab"]


def key_file(folder: Path, content: str | bytes) -> Path:
    file = folder / "keys.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(0o600)
    return file


def test_a_key_file_has_comments_blank_lines_and_any_line_ends(tmp_path: Path) -> None:
    file = key_file(tmp_path, b"\xef\xbb\xbf# lab\r\n\r\n  lab=%b  \r\n%b" % (b"k-1", b"k-2"))
    found = keys.from_file("--key-file", str(file), unwarned)
    assert [(source.place, source.text) for source in found] == [
        (f"{file} line 3", "lab=k-1"),
        (f"{file} line 4", "k-2"),
    ]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX files say who may read them")
def test_a_key_file_for_all_eyes_gets_a_warning(tmp_path: Path) -> None:
    file = key_file(tmp_path, KEY)
    warnings: list[str] = []
    for mode in (0o600, 0o640, 0o604):
        file.chmod(mode)
        keys.from_file("--key-file", str(file), warnings.append)
    text = f"others can read the keys in {file}. To keep them out: chmod 600 {file}"
    assert warnings == [text, text]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX files say who may read them")
def test_a_credential_of_systemd_gets_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else gets into its folder, whatever the mode of the file looks like."""
    file = key_file(tmp_path, KEY)
    file.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert len(keys.from_file("--key-file", str(file), unwarned)) == 1


def test_key_files_that_cannot_work(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert refusal({"key_file": missing}) == (
        f"--key-file: cannot read {missing}: No such file or directory."
    )
    assert refusal({"key_file": tmp_path}) == (
        f"--key-file: cannot read {tmp_path}: Is a directory."
    )
    file = key_file(tmp_path, b"# nothing\n")
    assert refusal({"key_file": file}) == f"--key-file: there is no key in {file}."
    key_file(tmp_path, b"\xff\xfe")
    assert refusal({"key_file": file}) == f"--key-file: {file} is not text."
    key_file(tmp_path, b"k" * (keys.LARGEST_FILE + 1))
    assert refusal({"key_file": file}) == f"--key-file: {file} is too large for a file of keys."


def test_keys_are_masked() -> None:
    assert masked(KEY) == "ab12…cd01"
    assert masked("0123456789abcdef") == "0123…cdef"
    assert masked("0123456789abcde") == "…"
    assert repr(StreamKey("lab", KEY)) == str(StreamKey("lab", KEY))
    assert repr(connecting()).count("…") == 1
    for shown in (repr(connecting()), repr(StreamKey("lab", KEY)), repr(Source("x", KEY))):
        assert KEY not in shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8))
@example(r"\1\2_is_no_reference")
def test_no_form_of_a_key_survives_concealing(key: str) -> None:
    stream_keys([Source("--key", f"name={key}")])
    encoded = quote(key, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), encoded)
    hexadecimal = "".join(f"%{byte:02x}" for byte in key.encode())
    for form in (key, encoded, lower, quote(encoded), hexadecimal, repr(key)[1:-1]):
        assert form not in concealed(f"x{form}\n{form!r}")


def test_what_looks_like_a_key_is_concealed() -> None:
    text = "no command 00112233445566778899AABBCCDDEEFF and AC000W005606115"
    assert concealed(text) == "no command 0011…EEFF and AC000W005606115"


def test_a_short_key_is_concealed_only_where_it_stands_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "_read", set())
    stream_keys([Source("--key", "dev")])
    assert concealed("developer dev dev. /dev/null?stream_key=dev&x") == (
        "developer … …. /…/null?stream_key=…&x"
    )


# Filters, output, stop


def test_filters_are_passed_on() -> None:
    options = {"dsn": ["AC*", "!ACx"], "event_type": None, "property": [], "oem_model": ["m"]}
    assert config.filtering(options) == Filtering(dsns=("AC*", "!ACx"), oem_models=("m",))


def test_a_filter_can_have_commas_between_its_values() -> None:
    options = {
        "event_type": ["datapoint, location", "!registration"],
        "dsn": ["AC1,AC2", "!AC3, AC4,!AC5", "AC*,!AC6"],
        "property": ["a,b"],
        "oem_model": ["!m, n"],
    }
    assert config.filtering(options, warn=unwarned) == Filtering(
        dsns=("AC1", "AC2", "!AC3", "!AC4", "!AC5", "AC*", "!AC6"),
        event_types=("datapoint", "location", "!registration"),
        properties=("a", "b"),
        oem_models=("!m", "!n"),
    )


@pytest.mark.parametrize(
    ("types", "warning"),
    [
        ("datapoints", '"datapoints". Did you mean "datapoint"?'),
        ("location,!Datapoint", '"Datapoint". Did you mean "datapoint"?'),
        (
            "xyzzy",
            '"xyzzy". There is: connectivity, datapoint, datapointack, location, registration.',
        ),
    ],
)
def test_a_type_that_nobody_documents_gets_a_warning(types: str, warning: str) -> None:
    warnings: list[str] = []
    assert config.filtering({"event_type": [types]}, warn=warnings.append).event_types
    assert warnings == [f"no documented event type is {warning}"]


def test_globs_and_documented_types_get_no_warning() -> None:
    config.filtering({"event_type": ["data*", "!loc?tion", "[cr]*", "datapoint"]}, warn=unwarned)


def test_a_filter_takes_the_place_of_the_profile_s() -> None:
    profile = lab(dsn=("AC*", "BC*"), event_type=("datapoint",))
    assert config.filtering({}, profile) == Filtering(("AC*", "BC*"), ("datapoint",))
    assert config.filtering({"dsn": ["X"], "event_type": []}, profile) == (
        Filtering(("X",), ("datapoint",))
    )


def test_output_preferences_of_a_profile() -> None:
    profile = lab(output="csv", color="always", utc=True, annotate=True, quiet=True)
    assert config.showing({}, {"NO_COLOR": "1"}, io.StringIO(), profile) == Showing(
        output="csv", color=True, utc=True, quiet=True, annotate=True
    )
    options = {"output": "json", "color": "never", "utc": False, "annotate": False, "verbose": 1}
    assert config.showing(options, {}, Screen(), profile) == Showing(
        output="json", color=False, verbosity=1
    )
    assert config.showing({"quiet": True, "verbose": 1}, {}, Screen()).quiet


def test_the_output_suits_who_reads_it() -> None:
    assert config.showing({}, {}, Screen()) == Showing(output="text", color=True)
    assert config.showing({}, {}, io.StringIO()) == Showing(output="json", color=False)
    options = {"output": "csv", "utc": True, "quiet": True, "verbose": 2, "annotate": True}
    assert config.showing(options, {}, Screen()) == Showing(
        output="csv", color=True, utc=True, quiet=True, verbosity=2, annotate=True
    )


@pytest.mark.parametrize(
    ("choice", "variables", "on_screen", "in_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_color(choice: str, variables: dict[str, str], on_screen: bool, in_pipe: bool) -> None:
    assert config.showing({"color": choice}, variables, Screen()).color == on_screen
    assert config.showing({"color": choice}, variables, io.StringIO()).color == in_pipe


def test_outputs_that_do_not_exist() -> None:
    with pytest.raises(ConfigurationError) as failure:
        config.showing({"output": "xml"}, {}, Screen())
    assert str(failure.value) == '--output: "xml" is none of text, json, pretty, csv.'


def test_when_to_stop() -> None:
    assert config.stopping({}) == Stopping()
    assert config.stopping({"count": "3", "duration": "2h"}) == Stopping(3, 7200.0)
    for option in ("count", "duration"):
        with pytest.raises(ConfigurationError) as failure:
            config.stopping({option: "0"})
        assert str(failure.value) == f"--{option}: it must be more than 0."
