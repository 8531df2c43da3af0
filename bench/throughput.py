"""How many events a second, against websocat and others that get the same."""

from __future__ import annotations

from collections.abc import Iterator

from bench.racing import Scores, by_cpu, by_peak, by_rate, race, receive
from bench.receivers import NODE_PACKAGES, Receivers, has_command
from bench.rows import Row, at_least, at_most, compared, mebibytes, skipped

LITTLE = 64 * 2**20
"""Bytes of memory that are enough."""


def into_a_file(receivers: Receivers, rounds: int, *, peers: bool) -> Iterator[Row]:
    """Recording, and lines of text; with `peers` also those that no goal speaks of."""
    entrants = {
        "websocat": receivers.websocat(to_file=True),
        "obvious": receivers.obvious(),
        "text": receivers.text(),
    }
    if has_command("record"):
        entrants["record"] = receivers.record()
    if peers:
        entrants["limit"] = receivers.limit()
    if peers and (NODE_PACKAGES / "ws").exists():
        entrants["node"] = receivers.node_ws()
    scores = race(receivers.service, entrants, rounds)
    yield from _recording(scores)
    share = scores.ratio("text", "websocat", by_rate)
    figures = scores.figures("text", "websocat")
    yield at_least("`-o text` into a file", 0.6, share, "websocat", figures)
    for name, work in (("limit", "socket into a file, the limit"), ("node", "Node's ws")):
        if name in scores:
            times = scores.ratio(name, "websocat", by_rate)
            yield compared(work, times, "websocat", scores.figures(name))


def _recording(scores: Scores) -> Iterator[Row]:
    work = "`record FILE` over ws"
    if "record" not in scores:
        yield skipped(work)
        return
    faster = scores.ratio("record", "websocat", by_rate)
    yield at_least(work, 1.25, faster, "websocat", scores.figures("record", "websocat"))
    cheaper = scores.ratio("record", "websocat", by_cpu)
    yield at_most("CPU time of `record` an event", 1.0, cheaper, "websocat")
    faster = scores.ratio("record", "obvious", by_rate)
    yield at_least(work, 25, faster, "the obvious loop", scores.figures("record", "obvious"))


def over_tls(receivers: Receivers, rounds: int) -> Iterator[Row]:
    work = "`record FILE` over wss"
    if not has_command("record"):
        yield skipped(work)
        return
    entrants = {
        "record": receivers.record("wss"),
        "websocat": receivers.websocat("wss", to_file=True),
    }
    scores = race(receivers.service, entrants, rounds)
    faster = scores.ratio("record", "websocat", by_rate)
    yield at_least(work, 1.1, faster, "websocat", scores.figures("record", "websocat"))


def into_a_pipe(receivers: Receivers, rounds: int) -> Iterator[Row]:
    """All events, those that pass a filter, and four streams at once."""
    entrants = {
        "websocat": receivers.websocat(to_file=False),
        "json": receivers.json(),
        "--dsn": receivers.only_one(),
        "--event-type": receivers.only_connectivity(),
        "four": receivers.four_streams(),
    }
    scores = race(receivers.service, entrants, rounds)
    goals = (
        ("json", 1.1, "`-o json` into a pipe"),
        ("--dsn", 1.8, "`--dsn ONE`, 0.1 % match"),
        ("--event-type", 1.8, "`--event-type connectivity`, 5 % match"),
    )
    for name, goal, work in goals:
        faster = scores.ratio(name, "websocat", by_rate)
        yield at_least(work, goal, faster, "websocat", scores.figures(name, "websocat"))
    share = scores.ratio("four", "json", by_rate)
    figures = scores.figures("four", "json")
    yield at_least("four streams at once", 0.9, share, "one stream", figures)
    peak = scores.each("json", by_peak).greatest
    yield Row("peak memory at full speed", "≤ 64 MiB", mebibytes(peak), peak <= LITTLE)


def by_processes(receivers: Receivers, rounds: int) -> Iterator[Row]:
    """What more processes would give: one for the lines of text, and one for each stream."""
    entrants = {
        "text": receivers.text(),
        "apart": receivers.text_by_two(),
        "json": receivers.json(),
        "each": receivers.four_processes(),
    }
    scores = race(receivers.service, entrants, rounds)
    times = scores.ratio("apart", "text", by_rate)
    yield compared("text by a process apart", times, "one process", scores.figures("apart"))
    times = scores.ratio("each", "json", by_rate)
    yield compared("four streams, a process each", times, "one stream", scores.figures("each"))


def many(receivers: Receivers, times: int) -> Iterator[Row]:
    """Memory after many more events than fit into it."""
    peak = receive(receivers.service, receivers.json(times=times)).peak
    work = f"peak memory after {receivers.events * times:,} events"
    yield Row(work, "≤ 64 MiB", mebibytes(peak), peak <= LITTLE)
