"""A memory of bounded size for what a line needs of the lines before it."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(dict[Key, Value]):
    """Keeps at least the `size` entries that were used last, and at most twice as many.

    The entries in use are in the dict itself; when it is full they become the older ones, from
    which one that is asked for comes back. So a hit costs what it costs in any dict.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._older: dict[Key, Value] = {}

    def __missing__(self, key: Key) -> Value:
        value = self._older.pop(key)
        self[key] = value
        return value

    def __setitem__(self, key: Key, value: Value) -> None:
        if len(self) >= self._size and key not in self:
            self._older = dict(self)
            self.clear()
        super().__setitem__(key, value)
