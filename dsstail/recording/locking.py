"""One writer for each file. The lock goes with the process, however that ends."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 62
    """The byte that is locked: locks keep readers out on Windows, and no file has one there."""

    def lock(fd: int, *, shared: bool = False) -> bool:
        """Lock an open file until it is closed; False where another process has done so."""
        here = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, here, os.SEEK_SET)
        return True

else:
    import errno
    import fcntl

    def lock(fd: int, *, shared: bool = False) -> bool:
        """Lock an open file until it is closed; False where another process has done so.

        For a `shared` lock, which keeps out only who wants it alone, NFS asks for no more than a
        file that is open for reading.
        """
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
            return True  # a file system without locks
        return True


def holder(fd: int) -> int | None:
    """The id of the process that has locked this file; only Linux tells."""
    stat = os.fstat(fd)
    found: dict[bool, int] = {}
    with suppress(OSError):
        for entry in _FLOCK.finditer(Path("/proc/locks").read_text()):
            if int(entry["inode"]) == stat.st_ino:
                device = os.makedev(int(entry["major"], 16), int(entry["minor"], 16))
                found[device == stat.st_dev] = int(entry["pid"])
    # Some file systems show another device here than by stat: then the inode has to do.
    return found.get(True) or found.get(False)


# 1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF
_FLOCK = re.compile(
    r" FLOCK +ADVISORY +WRITE (?P<pid>\d+) (?P<major>\w+):(?P<minor>\w+):(?P<inode>\d+) "
)
