"""What the files of a recording are called: the live one, and the segments that came out of it.

    out.jsonl                                 live, under the name that the user gave
    out.20261123T142501.000Z.jsonl            a segment, by the time of its first event
    out.20261123T142501.000Z.jsonl.gz         the same, compressed
    out.20261123T142501.000Z.jsonl.gz.part    half of that; a crash may leave it behind

The name may hold `{stream}`, for a file each, and parts of a date as strftime writes them, for a
new file when they change: then a file that is live no longer is a segment under its own name.
"""

from __future__ import annotations

import errno
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsstail.errors import ConfigurationError

PART = ".part"

_DIGITS = {"Y": 4, "G": 4, "m": 2, "V": 2, "j": 3, "d": 2, "H": 2, "M": 2, "S": 2}
"""The parts of a date that a name can hold, the coarsest first, and how long each is."""

_WITHIN = {"m": "Y", "V": "G", "j": "Y", "d": "m", "H": "dj", "M": "H", "S": "M"}
"""What each needs beside it, or a name would come again."""

_DIRECTIVE = re.compile(r"%(.?)")
_FIELD = re.compile(r"\{(?!stream\})[a-z_]+\}")
"""What may be taken for a field of the event, as it is one in a template."""
_STAMP = r"(?:\.(?P<stamp>\d{8}T\d{6}\.\d{3}Z))?"
_ANY_STAMP = re.compile(r"\.\d{8}T\d{6}\.\d{3}Z(?=\.|\Z)")
_A_STAMP = "20261123T142501.000Z"
_MILLISECOND = timedelta(milliseconds=1)
PACKED = (".gz", ".zst")
"""How the names of compressed files end."""

_ENDINGS = ("", *PACKED)
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?:[-_.]?[TW]?\d{2,3})+(?!\d)")
"""A date that begins with the year, as far as it goes."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording that is complete: as it was written, or compressed, or both."""

    plain: Path
    """Where it is as it was written, or would be."""
    stamp: str
    """The time in its name; `~` where there is none, which sorts after all."""
    paths: tuple[Path, ...]
    """Where it is, the plain one first."""

    @property
    def forms(self) -> list[Path]:
        """Where it is or will be, in the order in which it goes from one to the next."""
        return [Path(f"{self.plain}{ending}") for ending in _ENDINGS]


class Naming:
    """The names of one recording's files, from what the user wrote for them.

    The live file is given to the methods with links followed: what is made beside it is in the
    same directory. Raises ConfigurationError for a date that cannot be in a name.
    """

    def __init__(self, file: str, stream: str) -> None:
        directory, name = os.path.split(file)
        parts = set(_DIRECTIVE.findall(name)) - {"%"}
        if unknown := parts - _DIGITS.keys():
            raise ConfigurationError(
                f"{file}: %{min(unknown)} is no part of a date that a file name can hold. "
                f"Those are {', '.join(f'%{part}' for part in _DIGITS)}; a plain % is %%."
            )
        for part, around in _WITHIN.items():
            if part in parts and not parts & set(around):
                raise ConfigurationError(
                    f"{file}: with %{part} goes %{around[0]}, or the same name would come again."
                )
        dated_directory = any(part in _DIGITS for part in _DIRECTIVE.findall(directory))
        if dated_directory and not os.path.isdir(directory):
            raise ConfigurationError(f"{file}: dates go into the file's name, not before it.")
        own = _harmless(stream)
        self.dated = bool(parts)
        self._directory = directory.replace("{stream}", own)
        self._template = name.replace("{stream}", own)

    def live(self, at: float) -> Path:
        """The file for what comes `at` this time (seconds since the epoch), named in local time."""
        moment = datetime.fromtimestamp(at)

        def written(part: re.Match[str]) -> str:
            return "%" if part[1] == "%" else moment.strftime(part[0])

        return Path(self._directory, _DIRECTIVE.sub(written, self._template))

    def segments(self, live: Path) -> list[Segment]:
        """The segments that there are beside the live file, the oldest first."""
        pattern = self._pattern(live)
        paths: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        for name in sorted(_names_beside(live)):
            match = pattern.fullmatch(name)
            if match and name != live.name and (match["stamp"] or self.dated):
                dates = [match[part] for part in _DIGITS if part in pattern.groupindex]
                key = (*dates, match["stamp"] or "~", match["plain"])
                paths[key].append(live.with_name(name))
        return [
            Segment(live.with_name(plain), stamp, tuple(found))
            for (*_, stamp, plain), found in sorted(paths.items())
        ]

    def unfinished(self, live: Path) -> list[Path]:
        """What is beside the live file of segments that were being compressed."""
        pattern = self._pattern(live)
        return [
            live.with_name(name)
            for name in _names_beside(live)
            if name.endswith(PART) and pattern.fullmatch(name.removesuffix(PART))
        ]

    def check_length(self, live: Path) -> None:
        """Raises ConfigurationError where the names of segments would be too long."""
        longest = f"{_stamped(live, _A_STAMP)}{_ENDINGS[-1]}{PART}"
        try:
            Path(longest).lstat()
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ConfigurationError(
                    f"{live}: this name is too long for files to be named after it."
                ) from None

    def new_segment(self, live: Path, at: float) -> Path:
        """A name for what is in the live file, whose first event is of the time `at`.

        No file has it, and it sorts after those of the earlier segments.
        """
        moment = datetime.fromtimestamp(at, UTC)
        for segment in self.segments(live):
            with suppress(ValueError, OverflowError):  # no stamp, or none of a time
                moment = max(moment, datetime.fromisoformat(segment.stamp) + _MILLISECOND)
        while True:
            time = moment.isoformat(timespec="milliseconds").partition("+")[0]
            path = _stamped(live, f"{time.replace('-', '').replace(':', '')}Z")
            if not any(os.path.lexists(f"{path}{ending}") for ending in _ENDINGS):
                return path
            moment += _MILLISECOND

    def _pattern(self, live: Path) -> re.Pattern[str]:
        """Matches the names of segments, plain and compressed."""
        template = self._template if self.dated else live.name.replace("%", "%%")
        stem, suffix = os.path.splitext(template)
        seen: set[str] = set()

        def expression(text: str) -> str:
            return "".join(
                _digits(part[1], seen) if part[0] == "%" else re.escape(part)
                for part in re.findall("%.|[^%]+", text)
            )

        return re.compile(
            rf"(?P<plain>{expression(stem)}{_STAMP}{expression(suffix)})(?:\.gz|\.zst)?"
        )


def _stamped(live: Path, stamp: str) -> Path:
    """A segment's name, as `_pattern` knows it; a Path's stem may be another beside dots."""
    stem, suffix = os.path.splitext(live.name)
    return live.with_name(f"{stem}.{stamp}{suffix}")


def check_fields(file: str) -> None:
    """Raises ConfigurationError where a name to record to promises more files than one a stream."""
    if other := _FIELD.search(os.path.basename(file)):
        raise ConfigurationError(f"{file}: only {{stream}} makes a file each, not {other[0]}.")


def segments_beside(live: Path) -> list[Segment]:
    """The segments of a live file whose name is what it is, the oldest first."""
    return Naming(str(live).replace("%", "%%"), "").segments(live)


def recording_of(path: str) -> str:
    """What the name of a file and those of all other pieces of its recording have in common."""
    return _told_by(path)[0]


def by_recordings(paths: Sequence[str]) -> list[str]:
    """The files of one recording after those of another, each in the order of their names' times.

    For what their names do not tell, they stay in their order.
    """
    told = [(path, *_told_by(path)) for path in paths]
    first: dict[str, int] = {}
    for place, (_, recording, _) in enumerate(told):
        first.setdefault(recording, place)
    told.sort(key=lambda each: (first[each[1]], each[2]))
    return [path for path, *_ in told]


def _told_by(path: str) -> tuple[str, tuple[str, str]]:
    """A recording's name without the times in it; and these, which sort its pieces."""
    directory, name = os.path.split(os.path.normpath(path))
    name = name[: name.rindex(".")] if name.endswith(PACKED) else name
    stamp = _ANY_STAMP.search(name)
    if stamp is not None:
        name = name[: stamp.start()] + name[stamp.end() :]
    date = "".join(_DATE.findall(name))
    return os.path.join(directory, _DATE.sub("", name)), (date, stamp[0] if stamp else "~")


def resolved(name: str | Path) -> Path:
    """The file that a name leads to, with links followed, whether or not it is there."""
    try:
        return Path(os.path.realpath(name))
    except FileNotFoundError:  # the working directory was removed, and all that is in it
        return Path(name)


def _digits(part: str, seen: set[str]) -> str:
    """Matches one part of a date, which is a group of the expression where it is first."""
    if part == "%":
        return "%"
    if part in seen:
        return f"(?P={part})"
    seen.add(part)
    return rf"(?P<{part}>\d{{{_DIGITS[part]}}})"


def _harmless(stream: str) -> str:
    """A stream's name as a part of a file's: no separator, no `..`, no hidden file."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", stream)
    return f"_{name[1:]}" if name.startswith(".") else name


def _names_beside(live: Path) -> list[str]:
    """The files in the directory, and what cannot be told from one."""
    try:
        with os.scandir(live.parent) as entries:
            return [entry.name for entry in entries if _may_be_file(entry)]
    except OSError:  # not ours to read: then nothing there is known
        return []


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True
