"""Memory of the process, as its allocator keeps it."""

from __future__ import annotations

import contextlib
from functools import cache

LARGE = 1 << 20
"""Bytes of a block that goes back to the system as soon as it is free."""

KEPT = 1 << 22
"""Bytes of free memory at the end of a heap that stay there for the next burst."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@cache
def give_back_large_blocks() -> None:
    """Have glibc keep none of them: it would remember the largest, and keep that much per thread.

    Where another library allocates, nothing happens.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE)
    _call("mallopt", _M_TRIM_THRESHOLD, KEPT)


def give_back_what_is_free() -> None:
    """Have glibc give back what is free between blocks that are not, for a millisecond or so.

    It would do so only at the ends of its heaps, and thousands of connections leave holes.
    """
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes

        getattr(ctypes.CDLL(None), function)(*arguments)
