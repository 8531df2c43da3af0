"""Records streams: which event goes into which file, and when a file has become a segment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from dsstail.annotation import Annotation, unannotated
from dsstail.clock import since_epoch
from dsstail.errors import ConfigurationError, OutputError
from dsstail.messages import Event
from dsstail.recording import compression
from dsstail.recording.appending import LiveFile, Patience, Warn
from dsstail.recording.device import Device, is_device
from dsstail.recording.naming import Naming, check_fields, resolved
from dsstail.recording.resuming import NO_PAST, Past, look_back
from dsstail.recording.rotating import Tidier
from dsstail.wording import counted

FSYNC = ("always", "1s", "never")

LOOK_EVERY = 0.25
"""Seconds between two looks at what is due, and at what happened to a file without us."""


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where to record, and how. Sizes are bytes, times seconds.

    Raises ConfigurationError for what does not go together.
    """

    file: str
    """With `{stream}` one for each stream; with parts of a date one for each value of them."""
    overwrite: bool = False
    resume: bool = True
    annotate: bool = False
    """Add the stream's name and the time of receipt to every event."""
    fsync: str = "1s"
    """One of FSYNC."""
    wait_for_room: bool = False
    rotate_size: int | None = None
    rotate_every: float | None = None
    """Rotates where the time, in UTC since the epoch, is a multiple of it."""
    keep: int | None = None
    """How many segments to keep; None all."""
    compress: str | None = None
    """One of compression.FORMS."""

    def __post_init__(self) -> None:
        if self.file in ("", "-"):
            raise ConfigurationError("record needs a file. For events on stdout: dsstail -o json")
        if self.compress is not None:
            compression.require(self.compress)

    @property
    def rotates(self) -> bool:
        return self.rotate_size is not None or self.rotate_every is not None


class Recorder:
    """Writes the events of `streams` into their files.

    `warn` is told what the user should know and stops nothing. Raises ConfigurationError for
    settings that a file cannot have, and OutputError where it cannot be opened, read back or
    written: then it ends with a whole line, and the error says at which event.
    """

    def __init__(
        self,
        settings: RecordingSettings,
        streams: Sequence[str],
        warn: Warn,
        *,
        patience: float = inf,
    ) -> None:
        """Until it begins, it waits `patience` seconds for room on a disk, if it is to wait."""
        self._settings = settings
        self._warn = warn
        until = time.monotonic() + patience
        self._patience = Patience(warn if settings.wait_for_room else None, until)
        self._tidier = Tidier(settings.compress, settings.keep)
        self._tracks: dict[str, Track | Device] = {}
        self._look_at = 0.0
        with ExitStack() as opened:
            for part in [[name] for name in streams] if "{stream}" in settings.file else [streams]:
                track = self._open(part)
                opened.callback(track.close)
                self._tracks |= dict.fromkeys(part, track)
            opened.pop_all()
        several = any(
            track.past.annotated or len(track.streams) > 1 for track in self._tracks.values()
        )
        self._annotation = Annotation(
            wanted=settings.annotate or several, with_time=settings.annotate
        )

    def known(self, stream: str) -> tuple[bytes, ...]:
        """The texts of the last events that there are of a stream, the oldest first.

        They are told once, and not kept: they may be large.
        """
        return self._tracks[stream].past.known.pop(stream, ())

    @property
    def waits_for_reader(self) -> bool:
        """Whether it writes into a FIFO or the like, and not only to a disk."""
        return any(isinstance(track, Device) for track in self._distinct)

    @property
    def size(self) -> int:
        """Bytes in the live files."""
        return sum(track.size for track in self._distinct)

    @property
    def places(self) -> list[tuple[str, int, str]]:
        """The names of the live files, their sizes, and what each ends with, such as `seq 431`."""
        return [(str(track.name), track.size, track.end) for track in self._distinct]

    def records_to(self, file: int | Path) -> bool:
        """Whether a live file is this one, by its name or a descriptor; no device is."""
        names = [track.name for track in self._distinct if isinstance(track, Track)]
        with suppress(OSError):
            return any(os.path.samefile(file, name) for name in names)
        return False

    def begin(self, until: float) -> None:
        """Events come from now on; later than `until`, by the monotonic clock, nothing waits."""
        self._patience.until = until

    def hurry(self) -> None:
        """A disk comes to its end, unlike somebody who does not read."""

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        """Record events that came at this time, in seconds since the epoch."""
        lines = self._annotation.lines(texts, stream, received_at)
        self._tracks[stream].append(lines, received_at)
        self.idle()

    def idle(self) -> None:
        """Do what is due without an event. To be called twice a second at least."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        for track in self._distinct:
            track.look()
        self._tell_troubles()

    def close(self, *, in_haste: bool) -> None:
        """Finish the files, and the segments too unless it is `in_haste`."""
        with ExitStack() as closing:
            for track in self._distinct:
                closing.callback(track.close)
            for track in self._distinct:
                track.sync()
            # While the live files are locked, they are not taken for segments.
            self._tidier.finish(in_haste=in_haste)
        self._tell_troubles()

    @property
    def _distinct(self) -> Iterable[Track | Device]:
        return dict.fromkeys(self._tracks.values())

    def _tell_troubles(self) -> None:
        for trouble in self._tidier.troubles():
            self._warn(trouble)

    def _open(self, streams: Sequence[str]) -> Track | Device:
        settings = self._settings
        check_fields(settings.file)
        naming = Naming(settings.file, streams[0])
        name = naming.live(time.time())
        makes_segments = settings.rotates or naming.dated
        if is_device(name):
            if makes_segments:
                raise ConfigurationError(f"{name} is no regular file: it cannot be rotated.")
            return Device(name, streams, self._warn)
        self._check_unshared(name, streams[0])
        if not makes_segments and (settings.keep or settings.compress):
            raise ConfigurationError(
                "--keep and --compress are for files that are complete. "
                "Add --rotate-size, --rotate-every, or a date to FILE."
            )
        if makes_segments:
            naming.check_length(name)
            _check_writable(name)
        return Track(naming, settings, streams, self._tidier, self._patience, self._warn)

    def _check_unshared(self, name: Path, stream: str) -> None:
        """Files that are meant to be two can be one: by a link, or where case makes no name."""
        for other, track in self._tracks.items():
            if os.path.exists(name) and os.path.samefile(name, track.name):
                raise ConfigurationError(
                    f"the streams {other} and {stream} would go into the same file, {name}. "
                    "Name one of them differently."
                )


def _check_writable(name: Path) -> None:
    """Raises OutputError where another file could not be begun in the directory of this one."""
    directory = resolved(name).parent
    if os.path.isdir(directory) and not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{name} could never be rotated: no file can be made in {directory}.")


class Track:
    """The file that `streams` go into, one after another as they are rotated."""

    def __init__(
        self,
        naming: Naming,
        settings: RecordingSettings,
        streams: Sequence[str],
        tidier: Tidier,
        patience: Patience,
        warn: Warn,
    ) -> None:
        self.streams = streams
        self._naming = naming
        self._settings = settings
        self._tidier = tidier
        self._warn = warn
        self._patience = patience
        self._newest = time.time()
        self._live = self._open(b"", overwrite=settings.overwrite)
        self._heal_before()
        self._period = self._period_of(self._live.modified_at)
        self.past = self._look_back()
        self._live.last_line = self.past.last_line
        tidier.tidy(naming)

    @property
    def name(self) -> Path:
        """The live file, as the user calls it."""
        return self._live.name

    @property
    def size(self) -> int:
        return self._live.size

    @property
    def end(self) -> str:
        return self._live.end

    def append(self, lines: bytes, received_at: float) -> None:
        """Append whole lines, that came at this time, to the file or files where they belong."""
        if not self._live.is_untouched:
            self._put_right()
        self._newest = max(self._newest, received_at)
        if self._naming.dated and self._naming.live(self._newest) != self._live.name:
            self._begin_next()
        elif self._period_of(self._newest) > self._period and self._live.size:
            self._rotate()
        self._period = self._period_of(self._newest)
        while lines:
            fitting = self._fitting(lines)
            if not fitting:
                self._rotate()
                continue
            written = self._live.append(lines[:fitting])
            lines = lines[written:]
            if written < fitting:
                self._put_right()

    def look(self) -> None:
        """Sync, rotate, open anew: whatever is due."""
        self._live.sync_if_due()
        self._put_right()
        if self._period_of(time.time()) > self._period and self._live.size:
            self._rotate()

    def sync(self) -> None:
        self._live.sync()

    def close(self) -> None:
        self._live.close()

    def _open(self, last_line: bytes, *, overwrite: bool = False) -> LiveFile:
        live = LiveFile(
            self._naming.live(self._newest), self._settings.fsync, self._patience, last_line
        )
        self._tidier.spare(self._naming, live.path)
        self._open_healed(live, overwrite=overwrite)
        return live

    def _open_healed(self, live: LiveFile, *, overwrite: bool = False) -> None:
        if cut := live.open(overwrite=overwrite):
            self._warn(f"{live.name}: cut off an incomplete last line of {counted(cut, 'byte')}.")

    def _heal_before(self) -> None:
        """Heal the file of the date before, which a crash may have left with a torn line."""
        segments = self._naming.segments(self._live.path) if self._naming.dated else []
        if not segments or segments[-1].paths != (segments[-1].plain,):
            return
        before = LiveFile(segments[-1].plain, self._settings.fsync, self._patience)
        with suppress(OutputError):  # it is no recording, or another's, and not what is asked for
            self._open_healed(before)
            before.close()

    def _look_back(self) -> Past:
        """What the live file and the segments before it hold."""
        if self._settings.overwrite or not self._settings.resume:
            return NO_PAST
        path = self._live.path
        segments = reversed(self._naming.segments(path))
        try:
            past = look_back([path, *(segment.paths[0] for segment in segments)], self.streams)
        except BaseException:
            self._live.close()
            raise
        nothing = not any(past.known.values()) and self._live.size
        where = "towards the end of" if past.given_up else "in"
        for stream in sorted(self.streams if nothing else past.given_up):
            self._warn(
                f"no event of {stream} was found {where} {self.name}: "
                "it begins with what comes now."
            )
        return past

    def _put_right(self) -> None:
        """Make good what others did to the live file."""
        if self._live.gone:
            self._warn(f"{self._live.name} was renamed or removed: recording to a new one.")
            self._begin_next()
        elif told := self._live.put_right():
            self._warn(told)

    def _fitting(self, lines: bytes) -> int:
        """How many bytes of these lines the live file takes; a line may be more than it should."""
        limit = self._settings.rotate_size
        if limit is None or self._live.size + len(lines) <= limit:
            return len(lines)
        fitting = lines.rfind(b"\n", 0, max(0, limit - self._live.size)) + 1
        return fitting or (0 if self._live.size else lines.index(b"\n") + 1)

    def _period_of(self, moment: float) -> int:
        every = self._settings.rotate_every
        return 0 if every is None else int(moment // every)

    def _rotate(self) -> None:
        """Make the live file a segment, and begin a new one; if it is gone, only that."""
        live = self._live
        live.sync()  # which can take its time
        if live.gone:  # or another file would be renamed, or none
            self._put_right()
            return
        event = Event(unannotated(live.first_line())[0])
        began = min(since_epoch(event.time) or self._newest, self._newest)
        live.rename(self._naming.new_segment(live.path, began))
        self._live = self._open(live.last_line)
        self._period = self._period_of(self._newest)
        self._tidier.tidy(self._naming)

    def _begin_next(self) -> None:
        """Close the live file, and begin the one that its name is now."""
        live = self._live
        live.close()
        self._live = self._open(live.last_line)
        self._tidier.tidy(self._naming)
