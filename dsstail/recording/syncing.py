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

        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync leaves it in the drive's memory there
        except OSError as error:
            if error.errno != errno.ENOTSUP:  # a share has no drive that it could flush
                raise
            os.fsync(fd)
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
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # it is done unasked, or never
            raise
    finally:
        os.close(fd)
