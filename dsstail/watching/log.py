"""What a person is told while the screen is taken: the latest messages, and which went unseen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MESSAGES = 500
"""Messages that are kept."""

REPEATED = 20
"""Warnings and errors that are told once more at the end, at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """One line, which is visible, and the time of day when it was told."""

    at: str
    text: str

    @property
    def bad(self) -> bool:
        return self.text.startswith(("warning: ", "error: "))


class Log(deque[Message]):
    """The latest messages, the newest last."""

    def __init__(self) -> None:
        super().__init__(maxlen=MESSAGES)
        self.unseen = 0
        """Warnings and errors since the messages were looked at."""

    def add(self, message: Message) -> None:
        self.append(message)
        self.unseen += message.bad

    def look(self) -> None:
        """The person looks at the messages."""
        self.unseen = 0

    def rest(self) -> str:
        """The warnings and errors that were not seen, as lines; the latest, if they are many."""
        bad = [message for message in self if message.bad]
        told = bad[max(len(bad) - min(self.unseen, REPEATED), 0) :]
        lines = [f"{message.at} {message.text}\n" for message in told]
        if self.unseen > len(told):
            lines.insert(0, f"of {self.unseen} warnings, the last {len(told)}:\n")
        return "".join(lines)
