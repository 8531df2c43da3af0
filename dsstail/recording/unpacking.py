"""What a file holds, compressed or not, in pieces of bounded size."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from dsstail.errors import ConfigurationError

MAGIC = 4
"""Bytes at the beginning of a file that tell whether it is compressed, and how."""

PIECE = 1 << 16
"""Bytes that are given at once, about: what is made of them stays in the processor's cache."""

BYTE_ORDER_MARK = codecs.BOM_UTF8

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f

# Compressed bytes that are taken at once, so that a bomb gives a few megabytes at a time: a byte
# of gzip is a thousand at most, and one of zstd thirty thousand.
_GZIP_STEP = 1 << 12
_ZSTD_STEP = 1 << 9


class Spoiled(Exception):
    """Compressed data that ends too early, or is damaged; what came before it was given."""


def is_bare(magic: bytes) -> bool:
    """Whether what follows these MAGIC bytes, with which a file begins, is what it holds."""
    return not (is_packed(magic) or magic.startswith((BYTE_ORDER_MARK, *_UTF_16)))


def is_packed(magic: bytes) -> bool:
    """Whether what begins with these MAGIC bytes is compressed."""
    return magic.startswith(_GZIP) or _is_zstd(magic)


def unpacked(pieces: Iterator[bytes | None], name: str) -> Iterator[bytes | None]:
    """What is in a file that is read as `pieces`; None, for nothing to read yet, passes through.

    Raises Spoiled, and ConfigurationError where a package is missing, which calls it `name`.
    """
    head = b""
    for piece in pieces:
        if piece is None:
            yield None
        else:
            head += piece
            if len(head) >= MAGIC:
                break
    pieces = chain([head], pieces)
    if is_packed(head):
        pieces = _decompressed(pieces, *_form(head, name))
    yield from _as_utf8(pieces)


def _as_utf8(pieces: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """The same without a byte order mark; recoded where that is one of UTF-16, as of PowerShell."""
    decoder = None
    first = True
    for piece in pieces:
        if first and piece is not None:
            first = False
            piece = piece.removeprefix(BYTE_ORDER_MARK)
            if piece.startswith(_UTF_16):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(piece).encode() if decoder and piece is not None else piece
    if decoder and (half := decoder.decode(b"", final=True)):
        yield half.encode()


def _is_zstd(magic: bytes) -> bool:
    skippable = 0x50 <= magic[0] <= 0x5F and magic[1:4] == _ZSTD_SKIPPABLE if magic else False
    return magic.startswith(_ZSTD) or skippable


def _form(head: bytes, name: str) -> tuple[Callable[[], Any], type[Exception], int]:
    """What makes a decompressor, what that raises, and how many bytes to give it at once."""
    if head.startswith(_GZIP):
        return lambda: zlib.decompressobj(wbits=31), zlib.error, _GZIP_STEP
    try:
        import zstandard
    except ImportError:
        raise ConfigurationError(
            f"{name} is compressed with zstd. To read it: pip install 'dsstail[zst]'"
        ) from None
    return zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError, _ZSTD_STEP


def _decompressed(
    pieces: Iterator[bytes | None], new: Callable[[], Any], failure: type[Exception], step: int
) -> Iterator[bytes | None]:
    """What comes out of a decompressor, or of several, since such files can be concatenated."""
    decompressor = new()
    out = bytearray()
    spoiled = ""
    try:
        for piece in pieces:
            for at in range(0, len(piece or b""), step):
                assert piece is not None
                packed = piece[at : at + step]
                while packed:
                    if decompressor.eof and not (packed := packed.lstrip(b"\0")):
                        break  # zeros behind the end are no damage: blocks can be filled with them
                    if decompressor.eof:
                        decompressor = new()
                    before = decompressor.copy() if step == _GZIP_STEP else None
                    out += decompressor.decompress(packed)
                    packed = decompressor.unused_data if decompressor.eof else b""
                    if len(out) >= PIECE:
                        yield bytes(out)
                        out.clear()
            if piece is None:
                if out:
                    yield bytes(out)
                    out.clear()
                yield None
    except failure as error:
        out += _up_to_damage(before, packed)
        spoiled = "the compressed data is damaged here"
        if "too much memory" in str(error):  # as it would be for a window of more than 128 MiB
            spoiled += ", or needs zstd -d --long=31"
    if out:
        yield bytes(out)
    if not spoiled and not decompressor.eof:
        spoiled = "the compressed data ends too early"
    if spoiled:
        raise Spoiled(spoiled)


def _up_to_damage(decompressor: Any, packed: bytes) -> bytes:
    """What comes out of this data before it is damaged; of zstd, nothing can be told."""
    out = bytearray()
    if decompressor is not None:
        with suppress(zlib.error):
            for at in range(len(packed)):
                out += decompressor.decompress(packed[at : at + 1])
    return bytes(out)
