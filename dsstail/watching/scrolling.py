"""Which of many lines are seen, and how keys move on among them. No I/O."""

from __future__ import annotations

_FAR = 1 << 30
"""More lines than there ever are."""


class List:
    """A mark on one of many lines, of which a page is seen."""

    def __init__(self) -> None:
        self.at = 0
        """The line with the mark."""
        self._top = 0
        self._page = 1

    def seen(self, count: int, page: int) -> range:
        """The lines that are seen, where there are so many, and so many fit on a page."""
        page = self._page = max(page, 1)
        self.at = max(0, min(self.at, count - 1))
        top = max(min(self._top, self.at, count - page), self.at - page + 1, 0)
        self._top = top
        return range(top, min(top + page, count))

    def move(self, key: str, count: int) -> bool:
        """Move the mark among so many lines as this key wants; False if none of those that do."""
        step = _step(key, self._page, count)
        if step is not None:
            self.at = max(0, min(self.at + step, count - 1))
        return step is not None


class Text:
    """Lines of which a page is seen, without a mark."""

    def __init__(self, *, end: bool = False) -> None:
        """With `end`, the last page is seen, and what is added to it, until a key leads away."""
        self._end = self._follows = end
        self._top = self._last = 0
        self._page = 1

    def seen(self, count: int, page: int) -> range:
        """The lines that are seen, where there are so many, and so many fit on a page."""
        self._page = max(page, 1)
        self._last = max(count - self._page, 0)
        self._top = self._last if self._follows else min(self._top, self._last)
        return range(self._top, min(self._top + self._page, count))

    def move(self, key: str) -> bool:
        """Scroll as this key wants; False if it is none of those that do."""
        step = _step(key, self._page, _FAR)
        if step is not None:
            self._top = max(0, self._top + step)
            self._follows = self._end and self._top >= self._last
        return step is not None


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
