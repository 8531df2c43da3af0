"""What has to be on the disk before it counts: files, and their names."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path


def sync_file(fd: int) -> None:
    """Have what was written to an open file survive a power cut."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync leaves it in the drive's memory there
    elif sys.platform == "win32":
        os.fsync(fd)
    else:
        os.fdatasync(fd)


def sync_directory(directory: Path) -> None:
    """Have what was created, renamed and removed in a directory survive a power cut."""
    if sys.platform == "win32":
        return
    try:
        fd = os.open(directory, os.O_RDONLY)
    except PermissionError:  # it may be written and not read
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that does this unasked
            raise
    finally:
        os.close(fd)
