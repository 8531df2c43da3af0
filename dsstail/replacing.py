"""A file that takes the place of another at once: whoever looks sees the old one or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dsstail.errors import OutputError


def check(path: Path) -> None:
    """Raises OutputError where it is clear already that `replace` will fail."""
    target = _target(path)
    if os.path.isdir(target):
        raise OutputError(f"cannot write {path}: it is a directory.")
    if not os.path.isdir(target.parent):
        raise OutputError(f"cannot write {path}: there is no directory {target.parent}.")


def replace(path: Path, content: bytes) -> None:
    """Write the file, through links and onto devices, too. Raises OutputError."""
    target = _target(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            path.write_bytes(content)  # a link to a pipe, `>(…)`, leads to no name
            return
        beside = target.with_name(f".dsstail-{os.getpid()}.tmp")
        try:
            beside.write_bytes(content)
            os.replace(beside, target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}.") from None


def _target(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except FileNotFoundError:
        raise OutputError(f"cannot write {path}: the working directory was removed.") from None
