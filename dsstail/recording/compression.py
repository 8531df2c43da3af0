"""The two compressed forms of a segment: gz, and zst, whose package is an extra."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from dsstail.errors import ConfigurationError
from dsstail.recording.unpacking import Spoiled, unpacked

FORMS = ("gz", "zst")

PIECE = 1 << 20
"""Bytes that are read at a time."""


class Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


def require(form: str) -> None:
    """Raises ConfigurationError where the package for this form cannot be used."""
    if form != "zst":
        return
    try:
        import zstandard  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "zst needs the zstandard package: pip install 'dsstail[zst]'. Or use gz."
        ) from None


def compressed_into(file: BinaryIO, form: str) -> AbstractContextManager[Sink]:
    """What is written here goes into `file` compressed, and is complete once this is closed."""
    if form == "gz":
        return gzip.GzipFile("", "wb", compresslevel=6, fileobj=file)
    import zstandard

    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    return cast(AbstractContextManager[Sink], compressor.stream_writer(file, closefd=False))


def pieces(path: Path) -> Iterator[bytes]:
    """What is in a compressed file, up to its end or to where it is damaged.

    Raises OSError where it cannot be read, ConfigurationError where a package is missing.
    """
    with path.open("rb") as file, suppress(Spoiled):
        packed = iter(lambda: file.read(PIECE), b"")
        for piece in unpacked(packed, str(path)):
            if piece is not None:
                yield piece
