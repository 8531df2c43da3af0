"""File systems of our own: a small one that fills up, and one whose power can be cut."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHUTDOWN = 0x8004587D
"""The ioctl that stops an ext4 or XFS file system at once (FS_IOC_SHUTDOWN)."""

NO_LOG_FLUSH = 2
"""What is in memory only is lost, the journal's last entries too: as in a power cut."""


class NotPossible(Exception):
    """This machine does not let us mount anything."""


@contextmanager
def small_disk(directory: Path, size: str = "1m") -> Iterator[Path]:
    """A file system in memory."""
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory))
    try:
        yield directory
    finally:
        _run("umount", "--lazy", str(directory))


def resize(disk: Path, size: str) -> None:
    _run("mount", "-o", f"remount,size={size}", str(disk))


class Ext4:
    """An ext4 in a file, mounted through a loop device."""

    def __init__(self, image: Path, directory: Path) -> None:
        self.directory = directory
        self._image = image
        with image.open("wb") as file:
            file.truncate(64 << 20)
        _run("mkfs.ext4", "-q", str(image))
        self.mount()

    def __enter__(self) -> Ext4:
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.directory))

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.directory))

    def cut_power(self) -> None:
        """Stop it at once, with all that it still had to write."""
        import fcntl

        fd = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def power_up(self) -> None:
        """Mount it again, which replays its journal."""
        _run("umount", str(self.directory))
        self.mount()


def _run(*command: str) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotPossible("only root on Linux can mount a file system")
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise NotPossible(f"there is no {command[0]}") from None
    if done.returncode != 0:
        raise NotPossible(f"{command[0]}: {done.stderr.decode().strip()}")
