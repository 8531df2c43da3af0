"""`dsstail watch` on a real terminal: what is on the screen, what keys do, and how it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from command import KEY, PATIENCE, wait_until
from conftest import Runner, Serve
from scenarios import (
    Visit,
    frame,
    honest,
    opened,
    say,
    steps,
    tell,
    unit,
)
from screen import DOWN, ENTER, ESCAPE, LEFT, RIGHT, UP, Screen, compare

from dsstail.annotation import annotated

WIRE = Path(__file__).parent / "wire"
DOCUMENTED = ("datapoint", "datapointack", "connectivity", "location", "registration")


@pytest.fixture
def watch(on_screen: Callable[..., Screen]) -> Callable[..., Screen]:
    """Start `dsstail watch` on a terminal of its own."""
    return partial(on_screen, "watch")


Watch = Callable[..., Screen]


def change(
    seq: int,
    dsn: str,
    name: str = "temp",
    value: str = "21",
    kind: str = "datapoint",
    more: str = "",
) -> bytes:
    """An event about a property of a device."""
    return (
        f'{{"seq":"{seq}","metadata":{{"oem_model":"HT","dsn":"{dsn}","property_name":"{name}",'
        f'"display_name":"{name}","base_type":"integer","event_type":"{kind}"}},"datapoint":'
        f'{{"updated_at":"2026-11-26T10:00:{seq % 60:02}Z","value":{value}{more}}}}}'
    ).encode()


def connection(seq: int, dsn: str, status: str) -> bytes:
    return (
        f'{{"seq":"{seq}","metadata":{{"oem_model":"HT","dsn":"{dsn}","event_type":"connectivity"}},'
        f'"connection":{{"event_time":"2026-11-26T09:5{seq % 10}:00Z","status":"{status}"}}}}'
    ).encode()


def recording(directory: Path, *texts: bytes) -> None:
    (directory / "out.jsonl").write_bytes(b"".join(text + b"\n" for text in texts))


SCENE = (
    connection(1, "AC000W000000001", "Online"),
    connection(2, "AC000W000000002", "Offline"),
    change(3, "AC000W000000001", "temp", "21"),
    change(4, "AC000W000000001", "temp", "22"),
    change(5, "AC000W000000001", "mode", '"heat"', more=',"echo":true'),
    change(6, "AC000W000000003", "led", "1", "datapointack", ',"ack_status":404,"ack_message":1'),
    change(7, "AC000W000000003", "led", "0", "datapointack", ',"ack_status":200'),
    change(8, "AC000W000000004", "über_long_name", '"漢字 and more than a row has room for"'),
)


# What is on the screen


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 24), (160, 30), (40, 10)])
def test_devices_of_a_recording(tmp_path: Path, watch: Watch, columns: int, rows: int) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl", columns=columns, rows=rows)
    screen.wait_for("AC000W000000004" if rows > 10 else "AC000W000000001", "ended")
    shown = screen.lines
    assert "ended" in shown[2]
    compare([*shown[:2], *shown[3:]], f"watch-devices-{columns}")  # but for the pace
    screen.type("q")
    assert screen.finish() == 0


def test_where_there_are_few_lines_they_show_devices(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl", columns=20, rows=5)
    shown = screen.wait_for("AC000W000000001", "AC000W000000002")
    assert shown[0] == " dsstail watch"
    assert shown[4].startswith(" ? help")
    screen.type("\x1b[Z")
    screen.wait_for("STREAM", "ended")


@pytest.mark.parametrize(
    ("texts", "words", "told"),
    [((), (), "no event"), (SCENE, ("-d", "X"), "no event passes the filters")],
)
def test_the_end_of_a_recording_is_told_where_it_has_nothing_to_show(
    tmp_path: Path, watch: Watch, texts: tuple[bytes, ...], words: tuple[str, ...], told: str
) -> None:
    recording(tmp_path, *texts)
    screen = watch("out.jsonl", *words)
    screen.wait_for(
        lambda lines: (
            lines[2].split()[1:4] == ["recording", "ended", "0"] and lines[5].strip() == told
        )
    )


def test_the_latest_events_of_a_recording_tell_their_streams(tmp_path: Path, watch: Watch) -> None:
    for_in = [change(seq, "AC1") for seq in (1, 2)]
    recording(tmp_path, *annotated(for_in, "in", None), *annotated(for_in, "out", None))
    screen = watch("out.jsonl")
    screen.wait_for("AC1", "ended")
    screen.type("\t")
    screen.wait_for("10:00:01 in  datapoint", "10:00:02 out datapoint")


def test_the_day_of_the_chosen_event_is_told(tmp_path: Path, watch: Watch) -> None:
    old = change(1, "AC1").replace(b"2026-11-26", b"2026-11-24")
    assert old != change(1, "AC1")
    recording(tmp_path, old, change(2, "AC1"))
    screen = watch("out.jsonl")
    screen.wait_for("AC1", "ended", "2026-11-26 10:00:02")
    for page in ("\t", "\t\t" + ENTER):
        screen.type(page)
        screen.wait_for("last 2 of 2 events ─", "─ 2026-11-26 ─")
        screen.type(UP)
        screen.wait_for("─ 2026-11-24 ─")


def test_all_of_a_device(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl")
    screen.wait_for("▸ AC000W000000001", "ended")
    screen.type(ENTER)
    screen.wait_for("last 4 of 4 events")
    compare(screen.lines, "watch-device")
    screen.type(UP + UP + ENTER)
    screen.wait_for('"seq": "3"')
    compare(screen.lines, "watch-event")
    screen.type(RIGHT)
    screen.wait_for('"seq": "4"')
    screen.type(LEFT + LEFT)
    screen.wait_for('"status": "Online"')
    screen.type(ESCAPE)
    screen.wait_for("last 4 of 4 events")
    screen.type(ESCAPE)
    screen.wait_for("AC000W000000004")


def test_help_tells_the_keys(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl")
    screen.wait_for("ended")
    screen.type("?")
    screen.wait_for("another order", "RESETS")
    compare(screen.lines, "watch-help")
    screen.resize(50, 40)
    screen.wait_for("online or offline, and for how", "long by this machine's clock")
    screen.resize(80, 24)
    screen.type("x")
    screen.wait_for("AC000W000000004")
    screen.resize(80, 10)
    screen.type("?")
    screen.wait_for("choose a device", lambda lines: "RESETS" not in "\n".join(lines))
    screen.type("G")
    screen.wait_for("RESETS")
    screen.type(ESCAPE)
    screen.wait_for("AC000W000000003")


def test_without_utf_8_all_is_ascii(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl", variables={"PYTHONIOENCODING": "ascii"})
    screen.wait_for("> AC000W000000001", "ended")
    shown = screen.lines
    compare([*shown[:2], *shown[3:]], "watch-ascii")
    screen.type(ENTER)
    screen.wait_for("last 4 of 4 events")
    screen.type("?")
    screen.wait_for("choose an event")
    screen.type("q")
    screen.type("q")
    assert screen.finish() == 0
    assert bytes(screen.written).isascii()


@pytest.mark.parametrize(
    ("variables", "fresh"),
    [({}, b"\x1b[30;48;5;222m22\x1b[0m"), ({"NO_COLOR": "1"}, b"\x1b[7m22\x1b[0m")],
)
def test_a_change_is_highlighted_for_a_moment(
    watch: Watch, serve: Serve, variables: dict[str, str], fresh: bytes
) -> None:
    server = serve(
        opened(
            say(unit(change(0, "A"))),
            lambda visit: wait_until(lambda: b"21" in screen.written),
            say(unit(change(1, "A", value="22"))),
            Visit.stay,
        )
    )
    screen = watch("--url", server.url(), variables=variables)
    wait_until(lambda: fresh in screen.written)
    at = len(screen.written)
    wait_until(lambda: b"22" in screen.written[at:].replace(fresh, b""))


def test_a_change_that_has_no_room_is_highlighted_too(watch: Watch, serve: Serve) -> None:
    long = "a_property_with_quite_a_long_name"
    server = serve(
        opened(
            say(unit(change(0, "A", long, f'"{long}"')), unit(change(1, "A", "temp"))),
            lambda visit: screen.wait_for("+1"),
            say(unit(change(2, "A", "temp", "22"))),
            Visit.stay,
        )
    )
    screen = watch("--url", server.url())
    wait_until(lambda: b"\x1b[33m+1\x1b[0m" in screen.written)


def test_events_of_all_devices_as_they_come(watch: Watch, serve: Serve) -> None:
    server = serve(opened(say(*map(unit, SCENE)), Visit.stay))
    screen = watch("--url", server.url(), "--utc")
    screen.type("\t")
    screen.wait_for("last 8 of 8 events", "▸ 10:00:08 datapoint    AC000W000000004")
    screen.type(UP + UP + ENTER)
    screen.wait_for("AC000W000000003  in  received", "event 6 of the last 8", '"ack_status": 404')
    screen.type("m")
    screen.wait_for("── messages")
    screen.type(ESCAPE)
    screen.wait_for('"seq": "6"')
    screen.type(ESCAPE + "\t\t")
    screen.wait_for("▸ AC000W000000001")


def test_what_a_profile_says_of_lines_hides_no_event(
    tmp_path: Path, watch: Watch, serve: Serve
) -> None:
    profiles = tmp_path / ".config" / "dsstail" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text('default_profile = "a"\n[profiles.a]\nfold = true\nformat = "{dsn}"\n')
    server = serve(opened(say(unit(change(0, "A")), unit(change(1, "A"))), Visit.stay))
    screen = watch("--url", server.url())
    screen.type("\t")
    screen.wait_for("datapoint    A               temp           21                    #0")
    screen.wait_for("datapoint    A               temp           21                    #1")


def test_all_streams_are_there_to_read(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay))
    keys = [f"--key=number-{number}={KEY}{number}" for number in range(12)]
    screen = watch("--url", server.url(), *keys)
    screen.wait_for("  7 more: 7 live")
    screen.type("\x1b[Z")
    screen.wait_for("● number-0", "live for", lambda lines: "● number-11" not in "\n".join(lines))
    screen.type("G")
    screen.wait_for("● number-11", lambda lines: "● number-0" not in "\n".join(lines))


# The live stream


def test_a_live_stream_tells_how_it_is(watch: Watch, serve: Serve) -> None:
    def cut_once(visit: Visit) -> None:
        honest(visit) if visit.number else steps(
            Visit.shake_hands, Visit.send_heartbeat, tell(0, 1), Visit.hear_answer, Visit.reset
        )(visit)

    server = serve(cut_once)
    screen = watch("--url", server.url())
    screen.wait_for(
        lambda lines: lines[2].split()[:4] == ["●", "in", "live", "6"],
        lambda lines: lines[2].split()[-4:] == ["#5", "1", "0", "0"],
        "VD0000000000002",
        "1 device",
    )
    screen.type("m")
    screen.wait_for("warning: connection lost (reset by the other side)", "connected again")
    screen.type("q")
    assert screen.finish() == 0
    assert "6 events, 1 reconnect, 0 gaps, 0 malformed" in "\n".join(screen.lines)
    assert screen.lines.count("") > 15  # nothing but the summary
    screen.assert_given_back()


def test_filters_choose_devices_and_not_what_a_stream_brought(watch: Watch, serve: Serve) -> None:
    server = serve(opened(say(*map(unit, SCENE)), Visit.stay))
    screen = watch("--url", server.url(), "-d", "*3", "-t", "datapointack,datapoint")
    screen.wait_for("AC000W000000003", lambda lines: lines[2].split()[3] == "8")
    assert "-d *3 -t datapointack,datapoint" in screen.lines[0]
    assert "AC000W000000001" not in "\n".join(screen.lines)


def test_trouble_is_told_in_the_row(watch: Watch, serve: Serve) -> None:
    server = serve(
        opened(tell(0), Visit.reset), lambda visit: visit.answer("503 Busy", "Retry-After: 99")
    )
    screen = watch("--url", server.url())
    screen.wait_for(
        lambda lines: lines[2].split()[:4] == ["○", "in", "lost", "1"],
        lambda lines: "retry in 9" in lines[2],
        lambda lines: "503" in lines[2],
        "m: 2 unread",
    )


def test_a_refused_key_among_others_is_told_in_its_row(watch: Watch, serve: Serve) -> None:
    def refuse_one(visit: Visit) -> None:
        visit.read_request()
        if visit.query["stream_key"] == KEY:
            visit.send_raw(visit.handshake())
            visit.stay()
        else:
            visit.send_raw(b"HTTP/1.1 401 Unauthorized\r\n\r\n")

    server = serve(refuse_one)
    screen = watch("--url", server.url(), "-k", f"good={KEY}", "-k", f"bad={KEY}x")
    screen.wait_for("● good   live", "✗ bad    refused          0  127.0.0.1 rejected key")
    screen.type("q")
    assert screen.finish() == 0
    assert "error: bad: 127.0.0.1 rejected key" in "\n".join(screen.lines)


def test_what_went_wrong_unseen_is_told_in_the_end(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0, 5), lambda visit: wait_until(lambda: go_on), tell(9), Visit.stay))
    go_on: list[bool] = []
    screen = watch("--url", server.url(), "--no-fill-gaps")
    screen.wait_for("gap: seq 1–4")
    screen.type("m")
    screen.wait_for("── messages")
    screen.type(ESCAPE)
    go_on.append(True)
    screen.wait_for("gap: seq 6–8")
    screen.type("q")
    assert screen.finish() == 0
    told = [line for line in screen.lines if "warning: " in line]
    assert [line[9:] for line in told] == ["warning: gap: seq 6–8 (3 events) did not come back"]


def test_several_streams_have_a_row_each(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay), opened(tell(0, 1), Visit.stay))
    screen = watch("--url", server.url(), "-k", f"one={KEY}", "-k", f"two={KEY}x")
    screen.wait_for(
        lambda lines: sorted(line.split()[3] for line in lines[2:4] if "live" in line) == ["1", "2"]
    )


def test_ten_thousand_devices_are_held(watch: Watch, serve: Serve) -> None:
    texts = [change(seq, f"AC{seq % 10_000:013}") for seq in range(30_000)]
    frames = [frame(unit(text)) for text in texts]

    def flood(visit: Visit) -> None:
        visit.shake_hands()
        for at in range(0, len(frames), 500):
            visit.send_raw(b"".join(frames[at : at + 500]))
        visit.send_heartbeat()
        visit.hear_answer()
        visit.stay()

    server = serve(flood)
    screen = watch("--url", server.url(), columns=100)
    screen.wait_for("10,000 devices", lambda lines: lines[2].split()[3] == "30,000")
    screen.type("G")
    screen.wait_for("AC0000000009999")
    screen.type("s")
    screen.wait_for("by last event")
    screen.type("/0000012345\r")
    screen.wait_for('0 with "0000012345"', "no device has")
    screen.type(ESCAPE + "/9876\r")
    screen.wait_for('1 with "9876"', "▸ AC0000000009876")
    screen.type(ENTER)
    screen.wait_for("last 3 of 3 events")
    screen.type("q")
    assert screen.finish() == 0


# Keys


def test_keys_move_order_and_find(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl")
    screen.wait_for("▸ AC000W000000001", "ended")
    screen.type(DOWN + "j")
    screen.wait_for("▸ AC000W000000003")
    screen.type("k")
    screen.wait_for("▸ AC000W000000002")
    screen.type("\x1b[F")
    screen.wait_for("▸ AC000W000000004")
    screen.type("\x1b[5~")
    screen.wait_for("▸ AC000W000000001")
    screen.type("S")
    shown = screen.wait_for("by device, reversed", "▸ AC000W000000001")
    assert shown[5].startswith("  AC000W000000004")
    screen.type("Sssss")
    shown = screen.wait_for("by failed acks")
    assert shown[5].startswith("  AC000W000000003")
    screen.type("/LED")
    screen.wait_for('1 with "LED"', "▸ AC000W000000003")
    screen.type(ENTER + ESCAPE)
    screen.wait_for("AC000W000000004")


def test_the_mark_stays_on_its_device(watch: Watch, serve: Serve) -> None:
    go_on: list[bool] = []
    server = serve(
        opened(
            say(*(unit(change(seq, f"D{seq}")) for seq in range(3, 6))),
            lambda visit: wait_until(lambda: go_on),
            say(*(unit(change(seq + 6, f"D{seq}")) for seq in range(3))),
            Visit.stay,
        )
    )
    screen = watch("--url", server.url())
    screen.wait_for("▸ D3", "D5")
    screen.type(DOWN)
    screen.wait_for("▸ D4")
    go_on.append(True)
    screen.wait_for("▸ D4", "  D0", "  D2")


def test_an_event_that_is_looked_at_stays(watch: Watch, serve: Serve) -> None:
    go_on: list[bool] = []
    server = serve(
        opened(
            say(unit(change(0, "A"))),
            lambda visit: wait_until(lambda: go_on),
            say(*(unit(change(seq, "A")) for seq in range(1, 1500))),
            Visit.stay,
        )
    )
    screen = watch("--url", server.url())
    screen.wait_for("▸ A")
    screen.type(ENTER + ENTER)
    screen.wait_for('"seq": "0"')
    go_on.append(True)
    screen.wait_for("of the last 1,000", '"seq": "0"')
    screen.type(ESCAPE)
    screen.wait_for("last 1,000 of 1,500 events")


def test_a_new_size_is_drawn_at_once(tmp_path: Path, watch: Watch) -> None:
    recording(tmp_path, *SCENE)
    screen = watch("out.jsonl")
    screen.wait_for("ended")
    screen.resize(130, 40)
    screen.wait_for("MODEL", lambda lines: "q quit" in lines[39])


# From outside


HOSTILE = "\\u001b[2J\\u001b]0;owned\\u0007\\u202e\\r\\n\\u0000evil"


def test_nothing_from_a_device_reaches_the_terminal_raw(watch: Watch, serve: Serve) -> None:
    hostile = change(0, HOSTILE, HOSTILE, f'"{HOSTILE}"').replace(b'"HT"', f'"{HOSTILE}"'.encode())
    server = serve(opened(say(unit(hostile), b"5|\x1b]0;x"), Visit.stay))
    screen = watch("--url", server.url(), columns=200)
    screen.wait_for("owned", "malformed")
    screen.type(ENTER)
    screen.wait_for("last 1 of 1 events")
    screen.type(ENTER)
    screen.wait_for("event 1 of the last 1")
    screen.type("m")
    screen.wait_for("warning: malformed")
    screen.type("q")
    assert screen.finish() == 0
    assert b"\x1b]" not in screen.written
    assert "\u202e".encode() not in screen.written
    assert b"\x00" not in screen.written


def test_a_large_event_is_told_by_its_size(watch: Watch, serve: Serve) -> None:
    large = change(0, "A", value='"%s"' % ("x" * 3_000_000))
    server = serve(opened(say(unit(large)), Visit.stay))
    screen = watch("--url", server.url())
    screen.wait_for("temp 3.0 MB, not shown")
    screen.type(ENTER + ENTER)
    screen.wait_for("event 1 of the last 1", "xxxxx")


# How it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(
    watch: Watch, serve: Serve, number: signal.Signals
) -> None:
    server = serve(honest)
    screen = watch("--url", server.url())
    screen.wait_for("VD0000000000002")
    screen.signal(number)
    assert screen.finish() == 0
    screen.assert_given_back()


def test_ctrl_backslash_gives_it_back_before_it_kills(watch: Watch, serve: Serve) -> None:
    server = serve(honest)
    screen = watch("--url", server.url())
    screen.wait_for("VD0000000000002")
    screen.type("\x1c")
    assert screen.finish() == -signal.SIGQUIT
    screen.assert_given_back()


def test_ctrl_c_ends_it(watch: Watch, serve: Serve) -> None:
    server = serve(honest)
    screen = watch("--url", server.url())
    screen.wait_for("VD0000000000002")
    screen.type("\x03")
    assert screen.finish() == 0
    screen.assert_given_back()
    assert "6 events" in "\n".join(screen.lines)


def test_a_terminal_that_takes_nothing_holds_nothing_up(watch: Watch, serve: Serve) -> None:
    stalled: list[bool] = []

    def flood(visit: Visit) -> None:
        visit.shake_hands()
        seq = 0
        while not (stalled and screen.is_full):
            visit.send_raw(frame(unit(change(seq, f"D{seq % 50}", value=str(seq)))))
            seq += 1
            time.sleep(0.001)
        for number in range(seq, seq + 1000):
            visit.send_raw(frame(unit(change(number, f"D{number % 50}"))))
        visit.send_heartbeat()
        visit.hear_answer()
        visit.send_raw(frame(unit(change(seq + 1000, "D0", value='"done"'))))
        visit.stay()

    server = serve(flood)
    screen = watch("--url", server.url(), "--expect", "value=done", columns=500, rows=200)
    screen.wait_for("D49")
    screen.stall()
    stalled.append(True)
    assert screen.finish() == 0
    screen.assert_given_back()


def test_a_terminal_halted_by_ctrl_s_is_given_back(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay))
    screen = watch("--url", server.url())
    screen.wait_for("VD0000000000002")
    screen.type("\x13")
    wait_until(lambda: screen.is_full)
    screen.signal(signal.SIGTERM)
    assert screen.finish() == 0
    screen.assert_given_back()


def test_a_second_signal_gives_it_back_too(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay))
    screen = watch("--url", server.url())
    screen.wait_for("VD0000000000002")
    screen.signal(signal.SIGSTOP)
    screen.wait_for_stop()
    screen.signal(signal.SIGINT)
    screen.signal(signal.SIGTERM)
    screen.signal(signal.SIGCONT)
    assert screen.finish() == 130
    screen.assert_given_back()


def test_a_second_signal_while_it_is_given_back_waits_for_that(
    tmp_path: Path, watch: Watch, serve: Serve
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, termios, time\n"
        "settled = termios.tcsetattr\n"
        "def set_late(terminal, when, attributes):\n"
        "    if attributes[3] & termios.ECHO:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.2)\n"
        "    settled(terminal, when, attributes)\n"
        "termios.tcsetattr = set_late\n"
        "settled_signal = signal.signal\n"
        "def ignore_late(number, handler):\n"  # so that the first one does not end it before
        f"    time.sleep({PATIENCE} if handler == signal.SIG_IGN else 0)\n"
        "    return settled_signal(number, handler)\n"
        "signal.signal = ignore_late\n"
    )
    server = serve(opened(tell(0), Visit.stay))
    screen = watch("--url", server.url(), variables={"PYTHONPATH": str(tmp_path)})
    screen.wait_for("VD0000000000002")
    screen.signal(signal.SIGINT)
    assert screen.finish() == 130
    screen.assert_given_back()


@pytest.mark.parametrize(
    ("room", "method"),
    [
        ("streams.Streams", "take"),
        ("devices.Devices", "take"),
        ("painting.Painter", "screen"),
        ("browsing.Browser", "press"),
    ],
)
def test_a_crash_gives_the_terminal_back(
    tmp_path: Path, watch: Watch, serve: Serve, room: str, method: str
) -> None:
    module, _, name = room.partition(".")
    (tmp_path / "sitecustomize.py").write_text(
        f"from dsstail.watching.{module} import {name}\n"
        "def fail(self, *arguments): raise RuntimeError('on purpose')\n"
        f"{name}.{method} = fail\n"
    )
    server = serve(opened(tell(0), Visit.stay))
    screen = watch("--url", server.url(), variables={"PYTHONPATH": str(tmp_path)})
    screen.type("x")
    assert screen.finish() == 1
    screen.assert_given_back()
    assert "RuntimeError: on purpose. This is a bug in dsstail" in " ".join(screen.lines)


def test_a_failure_is_told_when_the_screen_is_gone(watch: Watch, serve: Serve) -> None:
    server = serve(opened(tell(0, 3), Visit.stay))
    screen = watch("--url", server.url(), "--strict", "--no-fill-gaps")
    assert screen.finish() == 5
    screen.assert_given_back()
    assert "error: gap: seq 1–2 (2 events) did not come back (--strict)." in screen.lines


def test_a_refused_key_is_told(watch: Watch, serve: Serve) -> None:
    server = serve(lambda visit: visit.answer("401 Unauthorized"))
    screen = watch("--url", server.url())
    assert screen.finish() == 4
    screen.assert_given_back()
    assert "rejected key" in " ".join(screen.lines)


def test_ctrl_z_gives_it_back_for_a_while(watch: Watch, serve: Serve) -> None:
    """Under a shell, since nobody could go on with what stops without one."""
    server = serve(honest)
    screen = watch("--url", server.url(), shell=True)
    screen.wait_for("VD0000000000002")
    screen.type("\x1a")
    screen.wait_for("Stopped")
    screen.type("echo still he''re\n")
    shown = screen.wait_for("still here")
    assert "VD0000000000002" not in "\n".join(shown)
    screen.type("fg\n")
    screen.wait_for("VD0000000000002", "q quit")
    screen.type("q")
    screen.wait_for("6 events")
    screen.type("exit $?\n")
    assert screen.finish() == 0


def test_it_ends_when_it_is_to(watch: Watch, serve: Serve) -> None:
    server = serve(honest)
    screen = watch("--url", server.url(), "--count", "3")
    assert screen.finish() == 0
    screen.assert_given_back()
    assert "3 events" in "\n".join(screen.lines)


# Where there is nothing to look at


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--url", "ws://127.0.0.1:1/"], "watch needs a terminal"),
        (["out.jsonl", "--region", "eu"], "--region is about a live stream: without FILE"),
        (["out.jsonl", "--dev"], "--dev is about a live stream: without FILE"),
        (["out.jsonl", "--no-reconnect"], "--no-reconnect is about a live stream: without FILE"),
        (["--speed", "10"], "--speed is about recordings: give a FILE"),
        (["nowhere.jsonl"], ""),
    ],
)
def test_what_cannot_be_watched(run: Runner, words: list[str], error: str) -> None:
    finished = run("watch", *words)
    assert finished.code == 2
    assert error in finished.err
    assert finished.out == b""


@pytest.mark.parametrize("name", ["dumb", ""])
def test_a_terminal_without_a_cursor_is_refused(watch: Watch, name: str) -> None:
    screen = watch("--url", "ws://127.0.0.1:1/", variables={"TERM": name})
    assert screen.finish() == 2
    assert "watch needs a terminal with a cursor" in " ".join(screen.lines)


def test_a_missing_recording_is_told(watch: Watch) -> None:
    screen = watch("nowhere.jsonl")
    assert screen.finish() == 2
    assert "nowhere.jsonl" in " ".join(screen.lines)
    screen.assert_given_back()
