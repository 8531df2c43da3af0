"""Where a person is in the full-screen view, and where keys lead from there. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsstail.watching.devices import Device, Devices, Kept

DEVICES, DEVICE, EVENT, MESSAGES, HELP = "devices", "device", "event", "messages", "help"
"""The views."""

LONGEST_NEEDLE = 60

KEYS = {
    DEVICES: {
        "↑ ↓  j k": "choose a device",
        "PgUp PgDn  g G": "a page on or back; the first, the last",
        "← →": "more of the properties",
        "Enter": "all of the device: properties, last events",
        "s S": "another order; the other way round",
        "/": "only devices whose number, model or property has this in it",
        "Esc": "all devices again",
    },
    DEVICE: {
        "↑ ↓  j k": "choose an event",
        "g G": "the oldest that is kept; the newest, and stay there",
        "← →": "more of the properties",
        "Enter": "the event's JSON",
        "Esc": "back",
    },
    EVENT: {
        "↑ ↓  j k": "scroll",
        "← →": "an older event, a newer one",
        "Esc": "back",
    },
    MESSAGES: {"↑ ↓  j k": "scroll", "Esc": "back"},
}
"""What keys do in each view, for people."""

EVERYWHERE = {"m": "messages", "?": "help", "Ctrl-L": "draw the screen anew", "q  Ctrl-C": "quit"}


@dataclass(frozen=True, slots=True)
class Order:
    """An order of devices; `steady` if events do not change it."""

    name: str
    key: Callable[[Device], Any]
    steady: bool = False


_STATES = {False: 0, None: 1, True: 2}

ORDERS = (
    Order("device", lambda device: device.dsn, steady=True),
    Order("last event", lambda device: -device.turn),
    Order("events", lambda device: (-device.event_count, device.dsn)),
    Order("state", lambda device: (_STATES[device.online], -(device.since or 0), device.dsn)),
    Order("failed acks", lambda device: (-device.failed, device.dsn)),
    Order("model", lambda device: (device.model, device.dsn)),
)


class List:
    """A mark on one of many lines, of which a page is seen."""

    def __init__(self) -> None:
        self.at = 0
        """The line with the mark."""
        self._top = 0
        self._count = 0
        self._page = 1

    def seen(self, count: int, page: int) -> range:
        """The lines that are seen, where there are so many, and so many fit on a page."""
        self._count, self._page = count, max(page, 1)
        self.at = max(0, min(self.at, count - 1))
        top = max(min(self._top, self.at, count - self._page), self.at - self._page + 1, 0)
        self._top = top
        return range(top, min(top + self._page, count))

    def move(self, key: str) -> bool:
        """Move the mark as this key wants; False if it is none of those that do."""
        step = _step(key, self._page, self._count)
        if step is not None:
            self.at = max(0, min(self.at + step, self._count - 1))
        return step is not None


class Text:
    """Lines of which a page is seen, without a mark."""

    def __init__(self, *, end: bool = False) -> None:
        """With `end`, the last page is seen first."""
        self._top = _FAR if end else 0
        self._page = 1

    def seen(self, count: int, page: int) -> range:
        """The lines that are seen, where there are so many, and so many fit on a page."""
        self._page = max(page, 1)
        self._top = max(0, min(self._top, count - self._page))
        return range(self._top, min(self._top + self._page, count))

    def move(self, key: str) -> None:
        self._top = max(0, self._top + (_step(key, self._page, _FAR) or 0))


_FAR = 1 << 30


def _step(key: str, page: int, count: int) -> int | None:
    """How many lines down a key leads; None for one that does not."""
    match key:
        case "up" | "k":
            return -1
        case "down" | "j":
            return 1
        case "page up":
            return -page
        case "page down" | " ":
            return page
        case "home" | "g":
            return -count
        case "end" | "G":
            return count
    return None


class Browser:
    """The view, the device and the event that are chosen, the order, and what is looked for."""

    def __init__(self) -> None:
        self.views = [DEVICES]
        self.quit = False
        self.redraw = False
        self.order = ORDERS[0]
        self.reverse = False
        self.needle = ""
        self.typing = False
        """Whether keys go into the needle."""
        self.shift = 0
        """Properties to the left of those that are seen."""
        self.device: Device | None = None
        """The one that is chosen."""
        self.event: Kept | None = None
        """The event of it that is chosen; None for the newest, whichever that is."""
        self.list = List()
        """Of the devices."""
        self.events = List()
        self.text = Text()
        """An event's JSON, or the messages."""
        self._has_chosen = False
        self._rows: list[Device] = []
        self._stamp: object = None

    @property
    def view(self) -> str:
        return self.views[-1]

    def rows(self, devices: Devices, *, refresh: bool = True) -> list[Device]:
        """The devices as they are listed; without `refresh`, in the order that they had before."""
        order = self.order
        stamp = (order, self.reverse, self.needle, len(devices), devices.forgotten)
        steady = order.steady and not self.needle
        if stamp != self._stamp or (refresh and not steady):
            found = filter(self._matches, devices.values()) if self.needle else devices.values()
            self._rows = sorted(found, key=order.key, reverse=self.reverse)
            self._stamp = stamp
            self._follow_chosen()
        return self._rows

    def choose(self) -> None:
        """Have the device chosen that the mark is on."""
        self.device = self._rows[self.list.at] if self._rows else None

    @property
    def event_number(self) -> int:
        """Which of the device's events is chosen, counted from the oldest that is kept."""
        assert self.device is not None
        events = self.device.events
        if self.event is None:
            return len(events) - 1
        return next((at for at, event in enumerate(events) if event is self.event), 0)

    def press(self, key: str) -> None:
        """Take a key, by the name that `terminal.keys_in` gives it."""
        if self.typing:
            self._type(key)
        elif key == "q":
            self.quit = True
        elif key == "redraw":
            self.redraw = True
        elif key in ("escape", "backspace") or self.view == HELP:
            self._go_back()
        elif key == "?":
            self.views.append(HELP)
        elif key == "m" and self.view != MESSAGES:
            self.views.append(MESSAGES)
            self.text = Text(end=True)
        elif self.view == DEVICES:
            self._press_in_devices(key)
        elif self.view == DEVICE:
            self._press_in_device(key)
        elif self.view == EVENT and key in ("left", "right"):
            self._move_event("up" if key == "left" else "down", pinned=True)
            self.text = Text()
        else:
            self.text.move(key)

    def _press_in_devices(self, key: str) -> None:
        if self.list.move(key):
            self._has_chosen = True
            self.choose()
        elif key == "s":
            self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        elif key == "S":
            self.reverse = not self.reverse
        elif key == "/":
            self.typing = True
        elif key == "enter" and self.device is not None:
            self.views.append(DEVICE)
            self.events, self.event = List(), None
            self.shift = 0
        else:
            self._shift(key)

    def _press_in_device(self, key: str) -> None:
        assert self.device is not None
        if key == "enter" and self.device.events:
            self.event = self.device.events[self.event_number]
            self.views.append(EVENT)
            self.text = Text()
        elif not self._move_event(key, pinned=False):
            self._shift(key)

    def _move_event(self, key: str, *, pinned: bool) -> bool:
        """Choose another event; the newest is not left for a newer one if it is `pinned`."""
        assert self.device is not None
        events = self.device.events
        self.events.at = self.event_number
        moved = self.events.move(key)
        if self.events.at >= len(events) - 1 and not pinned:
            self.event = None
        elif moved and events:
            self.event = events[min(self.events.at, len(events) - 1)]
        return moved

    def _go_back(self) -> None:
        if len(self.views) == 1:
            self.needle = ""
        elif self.views.pop() == EVENT:
            self._move_event("", pinned=False)

    def _shift(self, key: str) -> None:
        self.shift = max(0, self.shift + {"left": -1, "right": 1}.get(key, 0))

    def _type(self, key: str) -> None:
        if key == "enter":
            self.typing = False
        elif key == "escape":
            self.typing, self.needle = False, ""
        elif key == "clear":
            self.needle = ""
        elif key == "backspace":
            self.needle = self.needle[:-1]
        elif len(key) == 1:
            self.needle = (self.needle + key)[:LONGEST_NEEDLE]

    def _matches(self, device: Device) -> bool:
        needle = self.needle.casefold()
        words = (device.dsn, device.model, *device.properties)
        return any(needle in word.casefold() for word in words)

    def _follow_chosen(self) -> None:
        """Keep the mark on the device that was chosen, wherever that is now."""
        if not self._has_chosen:
            return
        for number, device in enumerate(self._rows):
            if device is self.device:
                self.list.at = number
                return
