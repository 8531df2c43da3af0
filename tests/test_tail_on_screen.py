"""The tail on a real terminal, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from command import KEY, PATIENCE, installed, wait_until
from conftest import Serve, Starter
from scenarios import Visit, event, opened, say, tell, unit
from screen import Screen

from dsstail.stderr import laid_out


def test_lines_take_the_width_that_the_terminal_has_now(
    on_screen: Callable[..., Screen], serve: Serve
) -> None:
    sizes: list[int] = []
    server = serve(
        opened(
            tell(0),
            lambda visit: wait_until(lambda: sizes == [100]),
            tell(1),
            lambda visit: wait_until(lambda: sizes == [100, 50]),
            tell(2),
            Visit.stay,
        )
    )
    screen = on_screen("--url", server.url(), "-q")
    screen.wait_for(lambda lines: any(line.index("#0") == 77 for line in lines if "#0" in line))
    screen.resize(100, 24)
    sizes.append(100)
    screen.wait_for(lambda lines: any(line.index("#1") == 97 for line in lines if "#1" in line))
    screen.resize(50, 24)
    sizes.append(50)
    screen.wait_for(lambda lines: any(" data " in line and "#" not in line for line in lines))


def test_what_a_terminal_shows_of_ctrl_c_is_in_nobody_s_way(
    on_screen: Callable[..., Screen], serve: Serve
) -> None:
    screen = on_screen("--url", serve(opened(tell(0), Visit.stay)).url())
    screen.wait_for("#0")
    screen.type("\x03")
    assert screen.finish() == 0
    assert b"^C" in screen.written
    (summary,) = [line for line in screen.lines if "0 reconnects" in line]
    assert summary.startswith("1 event, ")
    assert "^C" not in "".join(screen.lines)


def test_it_tells_that_nothing_passes_the_filters_until_something_does(
    on_screen: Callable[..., Screen], serve: Serve
) -> None:
    other = threading.Event()
    server = serve(
        opened(
            tell(0, 1),
            lambda visit: other.wait(PATIENCE),
            say(unit(event(2).replace(b"INLET_FLOW_RATE", b"OUTLET"))),
            Visit.stay,
        )
    )
    screen = on_screen("--url", server.url(), "-P", "OUTLET")
    screen.wait_for("0 of 2 events pass the filters")
    other.set()
    lines = screen.wait_for("#2")
    assert "filters" not in "".join(lines)


def test_how_many_the_filters_leave_out_fits_into_one_row(
    on_screen: Callable[..., Screen], serve: Serve
) -> None:
    server = serve(opened(tell(*range(1000)), Visit.stay))
    screen = on_screen("--url", server.url(), "-P", "OUTLET", columns=24)
    screen.wait_for(lambda lines: screen.written.count(b"0 of") > 2)
    assert len([line for line in screen.lines if "0 of" in line]) == 1


@pytest.mark.parametrize("options", [(), ("-P", "OUTLET")], ids=["all", "filtered"])
def test_a_terminal_halted_by_ctrl_s_delays_no_end(
    on_screen: Callable[..., Screen], serve: Serve, options: tuple[str, ...]
) -> None:
    server = serve(opened(tell(1), Visit.stay))
    screen = on_screen("--url", server.url(), "--duration", "2s", *options)
    screen.wait_for("0 of 1 event pass" if options else "#1")
    screen.type("\x13")
    wait_until(lambda: os.waitid(os.P_PID, screen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    screen.type("\x11")
    assert screen.finish() == 0


def test_a_warning_is_yellow_and_ends_its_lines_between_words(
    on_screen: Callable[..., Screen], serve: Serve
) -> None:
    server = serve(opened(tell(0), say(b"9|{no JSON}"), Visit.stay))
    screen = on_screen("--url", server.url(), columns=50)
    told = "warning: malformed (neither an event nor a\n         heartbeat): 9|{no JSON}"
    screen.wait_for(told)
    assert b"\x1b[33mwarning:\x1b[0m malformed" in screen.written


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    text = "cannot connect to 127.0.0.1:46209: Connection refused; retry 2 in 1.6 s, resuming"
    for columns in range(40, 90):
        told = laid_out("warning", text, columns, color=False)
        assert "1.6 s, " in told or "1.6 s,\n" in told
        assert max(map(len, told.splitlines())) <= columns
        assert " ".join(told.split()) == f"warning: {text}"


def test_without_colours_a_warning_is_plain(on_screen: Callable[..., Screen], serve: Serve) -> None:
    server = serve(opened(say(b"9|{no JSON}"), Visit.stay))
    screen = on_screen("--url", server.url(), "--color", "never")
    screen.wait_for("warning: malformed")
    assert b"\x1b" not in screen.written


def test_in_the_c_locale_all_is_ascii(on_screen: Callable[..., Screen], serve: Serve) -> None:
    server = serve(opened(tell(0), say(b"9|\xe2\x80\xa6"), tell(3), Visit.stay))
    screen = on_screen("--url", server.url(), "--no-fill-gaps", variables={"LANG": "C"})
    screen.wait_for("warning: malformed", "gap: seq 1-2 (2 events)", "#3")
    assert screen.written.isascii()


def test_a_terminal_that_is_gone_ends_it_silently(dsstail: Starter, serve: Serve) -> None:
    gone = threading.Event()
    rest = (lambda visit: wait_until(gone.is_set), tell(1), Visit.stay)
    ours, theirs = os.openpty()
    command = dsstail("--url", serve(opened(tell(0), *rest)).url(), "-q", stdout=theirs)
    os.close(theirs)
    assert b"datapoint" in os.read(ours, 1000)
    os.close(ours)
    gone.set()
    finished = command.finish()
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.parametrize("words", [(), ("record", "events.jsonl"), ("watch",)], ids=str)
def test_a_terminal_that_is_closed_ends_it_cleanly(
    words: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """The process gets SIGHUP, and whatever it still writes or asks of the terminal fails."""

    def talking(visit: Visit) -> None:
        visit.shake_hands()
        for seq in range(1_000_000):
            visit.send_events([seq])

    server = serve(talking)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [installed(), *words, "--url", server.url()],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "DSSTAIL_KEY": f"a={KEY}"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    seen = b""
    while b"127.0.0.1" not in seen:
        seen += os.read(master, 1 << 16)
    os.close(master)
    assert process.wait(PATIENCE) == 0
