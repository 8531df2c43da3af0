"""What keys do in each view, and what the titles mean that it shows."""

from __future__ import annotations

from dsstail.watching.browsing import View
from dsstail.watching.brush import Brush
from dsstail.watching.cells import paragraph

_MEANING = 20
"""The column in which it is told what a key does."""

_EVENT_KEYS = {
    "↑ ↓  j k": "choose an event",
    "g G": "the oldest that is kept; the newest, and stay there",
    "Enter": "the event's JSON",
}

KEYS = {
    View.DEVICES: {
        "↑ ↓  j k": "choose a device",
        "PgUp PgDn  g G": "a page on or back; the first, the last",
        "← →": "more of the properties",
        "Enter": "all of the device: properties, last events",
        "s S": "another order; the other way round",
        "/": "only devices with this in number, model, property or value",
        "Esc": "all devices again",
        "Tab": "events of all devices, streams",
    },
    View.EVENTS: {**_EVENT_KEYS, "Tab": "streams, devices"},
    View.STREAMS: {"↑ ↓  j k": "scroll", "Tab": "devices, events"},
    View.DEVICE: {**_EVENT_KEYS, "← →": "more of the properties", "Esc": "back"},
    View.EVENT: {
        "↑ ↓  j k": "scroll",
        "← →": "an older event, a newer one",
        "Esc": "back",
    },
    View.MESSAGES: {"↑ ↓  j k": "scroll", "Esc": "back"},
}
"""What keys do in each view, for people."""

_STREAMS = {
    "BEATS": "heartbeats answered, and how long ago the last one came",
    "RECONN, LOST": "reconnects; events that did not come back",
    "BAD, RESETS": "malformed messages; how often the numbers began again",
}

LEGENDS = {
    View.DEVICES: {
        "● ○  STATE": "online or offline, and for how long by this machine's clock",
        "LAST": "how long ago the last event was",
        "FAILED": "commands that the device did not take (acks)",
        **_STREAMS,
    },
    View.EVENTS: _STREAMS,
    View.STREAMS: _STREAMS,
}
"""What is meant by titles that the views show."""

EVERYWHERE = {"m": "messages", "?": "help", "Ctrl-L": "draw the screen anew", "q  Ctrl-C": "quit"}


class HelpPage:
    """Draws the help for a view."""

    def __init__(self, brush: Brush) -> None:
        self._brush = brush

    def lines(self, columns: int, view: View) -> list[str]:
        lines: list[str] = []
        for told in filter(None, (KEYS[view], EVERYWHERE, LEGENDS.get(view))):
            lines += [""] if lines else []
            for name, meaning in told.items():
                left = self.named(name)
                for part in paragraph(self.named(meaning), max(columns - _MEANING, _MEANING)):
                    row = self._brush.row(columns)
                    row.space(2)
                    row.add(left, _MEANING - 2)
                    row.add(part)
                    lines.append(str(row))
                    left = ""
        return lines

    def named(self, text: str) -> str:
        """Text of ours, with the keys and signs that it names as the terminal can show them."""
        return text if self._brush.unicode else text.translate(_ASCII)


_ASCII = str.maketrans({"↑": "up", "↓": "down", "←": "left", "→": "right", "●": "+", "○": "-"})
