"""Memory of the process, as its allocator keeps it."""

from __future__ import annotations

import contextlib
from functools import cache

LARGE = 1 << 18
"""Bytes of a block that goes back to the system as soon as it is free."""

_M_MMAP_THRESHOLD = -3


@cache
def give_back_large_blocks() -> None:
    """Have glibc keep none of them: it would remember the largest, and keep that much per thread.

    Where another library allocates, nothing happens.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
