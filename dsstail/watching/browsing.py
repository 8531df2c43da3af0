"""Where a person is in the full-screen view, and where keys lead from there. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Any

from dsstail.watching.devices import Device, Devices, Kept, Latest
from dsstail.watching.scrolling import List, Text


class View(Enum):
    """What fills the screen."""

    DEVICES = "all devices"
    EVENTS = "the latest events of all devices"
    STREAMS = "all streams"
    DEVICE = "one device"
    EVENT = "one event"
    MESSAGES = "messages"
    HELP = "help"


TABS = View.DEVICES, View.EVENTS, View.STREAMS
"""The views beside each other; from them the others are reached, and lead back."""

LONGEST_NEEDLE = 60


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
    Order("events", lambda device: (-device.events.total, device.dsn)),
    Order("state", lambda device: (_STATES[device.online], -(device.since or 0), device.dsn)),
    Order("failed acks", lambda device: (-device.failed, device.dsn)),
    Order("model", lambda device: (device.model, device.dsn)),
)


class Browser:
    """The view, the device and the event that are chosen, the order, and what is looked for."""

    def __init__(self, devices: Devices) -> None:
        self.devices = devices
        self.views = [View.DEVICES]
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
        self.rows: list[Device] = []
        """The devices as they are listed."""
        self._texts = {View.STREAMS: Text()}
        self._pasting = False
        self._has_chosen = False
        self._stamp: object = None

    @property
    def view(self) -> View:
        return self.views[-1]

    @property
    def text(self) -> Text:
        """What a view without a mark shows."""
        return self._texts[self.view]

    @property
    def kept(self) -> Latest:
        """The events of which one is chosen: the device's, or all."""
        if View.DEVICE not in self.views:
            return self.devices.latest
        assert self.device is not None
        return self.device.events

    def sort(self, *, refresh: bool = True) -> None:
        """List the devices anew; without `refresh`, only if they were not in this order before."""
        devices, order = self.devices, self.order
        stamp = (order, self.reverse, self.needle, len(devices), devices.forgotten)
        steady = order.steady and not self.needle
        if stamp != self._stamp or (refresh and not steady):
            found = filter(self._matches, devices.values()) if self.needle else devices.values()
            self.rows = sorted(found, key=order.key, reverse=self.reverse)
            self._stamp = stamp
            self._follow_chosen()
        if View.DEVICE not in self.views:
            self._choose()

    @property
    def event_number(self) -> int:
        """Which event is chosen, counted from the oldest that is kept."""
        if self.event is None:
            return len(self.kept) - 1
        return next((at for at, event in enumerate(self.kept) if event is self.event), 0)

    def press(self, key: str) -> None:
        """Take a key, by the name that `terminal.keys_in` gives it."""
        self._press(key)
        self.sort(refresh=False)

    def _press(self, key: str) -> None:
        if key in ("paste", "pasted"):
            self._pasting = key == "paste"
        elif self.typing:
            self._type(key)
        elif self._pasting:
            self._pasting = key != "escape"  # what is pasted is text, and no keys
        elif key == "q":
            self.quit = True
        elif key == "redraw":
            self.redraw = True
        elif key in ("escape", "backspace"):
            self._go_back()
        elif self.view is View.HELP:
            if not self.text.move(key):
                self._go_back()
        elif key == "?":
            self._open(View.HELP)
        elif key == "m" and self.view is not View.MESSAGES:
            self._open(View.MESSAGES)
        elif key in ("tab", "back tab") and len(self.views) == 1:
            self._turn(1 if key == "tab" else -1)
        elif self.view is View.DEVICES:
            self._press_in_devices(key)
        elif self.view in (View.EVENTS, View.DEVICE):
            self._press_in_events(key)
        elif self.view is View.EVENT and key in ("left", "right"):
            self._move_event("up" if key == "left" else "down", pinned=True)
            self._texts[View.EVENT] = Text()
        else:
            self.text.move(key)

    def _open(self, view: View) -> None:
        self.views.append(view)
        self._texts[view] = Text(end=view is View.MESSAGES)

    def _turn(self, step: int) -> None:
        """Go to the next of the tabs, or the one before."""
        self.views = [TABS[(TABS.index(self.view) + step) % len(TABS)]]
        self._look_at_newest()

    def _look_at_newest(self) -> None:
        self.events, self.event = List(), None

    def _press_in_devices(self, key: str) -> None:
        if self._move_device(key):
            return
        if key == "s":
            self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        elif key == "S":
            self.reverse = not self.reverse
        elif key == "/":
            self.typing = True
        elif key == "enter" and self.device is not None:
            self._open(View.DEVICE)
            self._has_chosen = True
            self._look_at_newest()
            self.shift = 0
        else:
            self._shift(key, self.rows)

    def _move_device(self, key: str) -> bool:
        moved = self.list.move(key, len(self.rows))
        if moved:
            self._has_chosen = True
            self._choose()
        return moved

    def _choose(self) -> None:
        """Have the device chosen that the mark is on."""
        self.list.at = max(0, min(self.list.at, len(self.rows) - 1))
        self.device = self.rows[self.list.at] if self.rows else None

    def _press_in_events(self, key: str) -> None:
        if key == "enter" and self.kept:
            self.event = self.kept[self.event_number]
            self._open(View.EVENT)
        elif not self._move_event(key, pinned=False) and self.view is View.DEVICE:
            assert self.device is not None
            self._shift(key, [self.device])

    def _move_event(self, key: str, *, pinned: bool) -> bool:
        """Choose another event; the newest is not left for a newer one if it is `pinned`."""
        events = self.kept
        self.events.at = self.event_number
        moved = self.events.move(key, len(events))
        if self.events.at >= len(events) - 1 and not pinned:
            self.event = None
        elif moved and events:
            self.event = events[min(self.events.at, len(events) - 1)]
        return moved

    def _go_back(self) -> None:
        if len(self.views) == 1:
            self.needle, self.shift = "", 0
            return
        left = self.views.pop()
        if left is View.EVENT:
            self._move_event("", pinned=False)
        elif left is View.DEVICE:
            self.shift = 0

    def _shift(self, key: str, shown: list[Device]) -> None:
        most = max((len(device.properties) for device in shown), default=0)
        step = {"left": -1, "right": 1}.get(key, 0)
        self.shift = max(0, min(self.shift + step, most - 1))

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
        else:
            self._move_device(key)

    def _matches(self, device: Device) -> bool:
        needle = self.needle.casefold()
        values = (found.shown for found in device.properties.values())
        words = chain((device.dsn, device.model), device.properties, values)
        return any(needle in word.casefold() for word in words)

    def _follow_chosen(self) -> None:
        """Keep the mark on the device that was chosen, wherever that is now."""
        if not self._has_chosen:
            return
        for number, device in enumerate(self.rows):
            if device is self.device:
                self.list.at = number
                return
