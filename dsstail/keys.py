"""Stream keys: read from where users keep them, named, and hidden wherever text is shown.

Whoever has a key reads the stream, so no error here quotes what was given as one.
"""

from __future__ import annotations

import os
import re
import select
import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import FileIO
from itertools import count

from dsstail.errors import ConfigurationError

LARGEST_FILE = 1 << 20
"""Bytes; more is no file of keys, and no configuration file."""

ONLY = "stream"
"""What a stream without a name of the user's is called, if it is the only one."""


@dataclass(frozen=True, slots=True, repr=False)
class StreamKey:
    """The key of one subscription, and what its stream is called."""

    name: str
    key: str

    def __repr__(self) -> str:
        return f"StreamKey({self.name!r}, {masked(self.key)!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """Text `[NAME=]KEY` as the user gave it, and where: `--key`, or a line of a file."""

    place: str
    text: str


def stream_keys(sources: Iterable[Source]) -> tuple[StreamKey, ...]:
    """The keys of several streams, each under a name of its own.

    Without a name of the user's, one alone is called ONLY, several `stream-1`, `stream-2`. Raises
    ConfigurationError for what cannot be a key or a name, and for a key or a name that comes twice.
    """
    names: dict[str, str] = {}
    for source in sources:
        name, key = _parse(source)
        _read.add(key)
        if key in names:
            raise ConfigurationError(f"{source.place}: key {masked(key)} is there twice.")
        if name and name in names.values():
            raise ConfigurationError(f"{source.place}: a second key is named {name}.")
        names[key] = name
    usual = [ONLY] if len(names) == 1 else (f"stream-{number}" for number in count(1))
    free = (name for name in usual if name not in names.values())
    return tuple(StreamKey(name or next(free), key) for key, name in names.items())


def from_file(option: str, path: str, warn: Callable[[str], None]) -> list[Source]:
    """One key a line; blank lines and `#` comments are skipped; the path `-` is stdin.

    `warn` is told when others can read the file. Raises ConfigurationError where it cannot be read,
    or holds no key.
    """
    where = "stdin" if path == "-" else path
    try:
        with FileIO(0 if path == "-" else path, closefd=path != "-") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = _content(file).decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{option}: cannot read {where}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{option}: {where} is not text.") from None
    if len(text) > LARGEST_FILE:
        raise ConfigurationError(f"{option}: {where} is too large for a file of keys.")
    if not _is_credential(path):
        warn_of_readers(where, mode, warn)
    found = _lines(where, text)
    if not found:
        raise ConfigurationError(f"{option}: there is no key in {where}.")
    return found


def from_command(place: str, words: Sequence[str]) -> list[Source]:
    """What a command prints on stdout, read as a file is; `place` is the setting that names it.

    No shell runs it, and no error quotes it. It may talk to a terminal on stderr; a stderr that
    is kept somewhere does not get to see what it says, which might be a key. Raises
    ConfigurationError where it fails, or prints no key.
    """
    import subprocess

    stderr = None if sys.stderr.isatty() else subprocess.DEVNULL
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr) as running:
            assert running.stdout is not None
            printed = running.stdout.read(LARGEST_FILE + 1)
            if len(printed) > LARGEST_FILE:
                running.kill()
        text = printed.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{place}: cannot run it: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place}: what it prints is not text.") from None
    if len(printed) > LARGEST_FILE:
        raise ConfigurationError(f"{place}: it prints too much for keys.")
    if running.returncode:
        end = "exit code" if running.returncode > 0 else "signal"
        raise ConfigurationError(f"{place}: it failed with {end} {abs(running.returncode)}.")
    found = _lines(place, text)
    if not found:
        raise ConfigurationError(f"{place}: it prints no key.")
    return found


def warn_of_readers(where: str, mode: int, warn: Callable[[str], None]) -> None:
    """Tell that others can read the keys in a file, if its `st_mode` lets them."""
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"others can read the keys in {where}. To keep them out: chmod 600 {where}")


def from_terminal(url: str, *, optional: bool = False) -> list[Source]:
    """What the user types at a hidden prompt; nothing where there is no terminal to ask on.

    It names the host of `url`, since a key works in one place only. Raises ConfigurationError
    where no text is typed, and where nothing is, unless the key is `optional`.
    """
    if not sys.stdin.isatty():
        return []
    from getpass import getpass
    from urllib.parse import urlsplit

    from dsstail.interruption import anew_after_suspension, raising

    prompt = f"Stream key for {urlsplit(url).netloc}{' (Enter for none)' if optional else ''}: "
    try:
        with raising(hangup=True):  # or the terminal would show no more what is typed
            typed = anew_after_suspension(lambda: getpass(prompt)).strip()
    except EOFError:
        typed = ""
        print(file=sys.stderr)
    except UnicodeDecodeError:
        print(file=sys.stderr)
        raise ConfigurationError("what was typed is not text.") from None
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    if not typed and optional:
        return []
    if not typed:
        raise ConfigurationError("no stream key was typed.")
    return [Source("the key", typed)]


def masked(key: str) -> str:
    """A key as it may be shown: `ab12…cd01`, and of a short one nothing."""
    return f"{key[:4]}…{key[-4:]}" if len(key) >= 16 else "…"


def concealed(text: str) -> str:
    """`text` with each key masked: those read so far, however encoded, and what looks like one.

    The last line of defence, for text that is not ours: usage errors, tracebacks.
    """
    for key in sorted(_read, key=len, reverse=True):
        text = _any_form(key).sub(masked(key).replace("\\", r"\\"), text)
    return _LIKE_A_KEY.sub(lambda found: masked(found[0]), text)


def hide_arguments() -> None:
    """Blot out the keys read so far in what `ps` shows as this process's arguments.

    Linux keeps them in the process's own memory; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: proc(5)
    except (OSError, ValueError, IndexError):
        return
    if 0 < start < end:
        arguments = (ctypes.c_char * (end - start)).from_address(start)
        shown = bytes(arguments)
        for key in _read:
            shown = shown.replace(key.encode(), b"*" * len(key.encode()))
        arguments.raw = shown


@cache
def _any_form(key: str) -> re.Pattern[str]:
    """Finds a key: as it is, percent-encoded (once or again, all or some of it), or escaped."""
    form = "".join(map(_any_form_of, key))
    # A short key is only looked for as a word of its own, or it would hit anywhere.
    return re.compile(form if len(key) >= 8 else rf"(?<!\w){form}(?!\w)")


def _any_form_of(character: str) -> str:
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
    return rf"\\?(?:{re.escape(character)}|(?i:{encoded}))"


_read: set[str] = set()
_LIKE_A_KEY = re.compile(r"[0-9A-Fa-f]{32,}")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _is_credential(path: str) -> bool:
    """Whether systemd hands it over, by an access list that looks like rights of a group."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and os.path.dirname(path) == folder


def _content(file: FileIO) -> bytes:
    """All that is in a file, unless it is too large: then a little more than may be."""
    content = b""
    while len(content) <= LARGEST_FILE:
        piece = file.read(LARGEST_FILE)
        if piece is None:  # non-blocking, which was not our choice
            select.select([file], [], [])
        elif piece:
            content += piece
        else:
            break
    return content


def _lines(where: str, text: str) -> list[Source]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [Source(f"{where} line {n}", line) for n, line in lines if line and line[0] != "#"]


def _parse(source: Source) -> tuple[str, str]:
    """The name, `""` where there is none, and the key."""
    name, equals, key = source.text.partition("=")
    if not equals:
        name, key = "", source.text
    elif not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{source.place}: before the = goes a name of letters, digits, dots, _ and -."
        )
    if not key:
        raise ConfigurationError(f"{source.place}: the key is empty.")
    if not key.isprintable() or " " in key:
        raise ConfigurationError(f"{source.place}: a key has no blanks or control characters.")
    if key[0] in "'\"" and key[-1] == key[0]:
        raise ConfigurationError(
            f"{source.place}: the quotes around a key are no part of it: take them off."
        )
    return name, key
