"""The configuration file: settings under names, in TOML.

Names and shapes are checked here; what a setting says is checked where it is used, by the parser
of its option. No error quotes a value: it may be a key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsstail import keys
from dsstail.errors import ConfigurationError
from dsstail.wording import did_you_mean


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """The settings of one profile, by their names in SETTINGS."""

    name: str = ""
    place: str = ""
    """`FILE [profiles.NAME]`, for messages."""

    chosen_by: str = "default"
    """What named it: `flag`, `DSSTAIL_PROFILE` or `default_profile`."""

    settings: Mapping[str, Any] = field(default_factory=dict)


NO_PROFILE = Profile()


def location(environment: Mapping[str, str]) -> Path:
    """Where the file is, or would be."""
    if path := environment.get("DSSTAIL_CONFIG"):
        return Path(path)
    folder = environment.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", "")
    if not os.path.isabs(folder):  # such a folder is to be ignored: XDG Base Directory
        home = environment.get("HOME") or os.path.expanduser("~")
        folder = os.path.join(home if os.path.isabs(home) else os.sep, ".config")
    return Path(folder, "dsstail", "config.toml")


def choose(
    name: str | None, environment: Mapping[str, str], warn: Callable[[str], None]
) -> Profile:
    """The profile that `--profile` names, else DSSTAIL_PROFILE, else the file's default_profile.

    `warn` is told when others can read the keys in the file. Raises ConfigurationError for a
    profile that does not exist, and for a file that cannot be read or says what nobody knows.
    """
    by, place = "flag", "--profile"
    if name is None:
        by = place = "DSSTAIL_PROFILE"
        name = environment.get(by) or None
    path = location(environment)
    if not os.path.exists(path):
        if name is None:
            return NO_PROFILE
        raise ConfigurationError(f'{place}: there is no {path}. "dsstail config init" writes one.')
    default, profiles, mode = _read(path)
    if any("keys" in settings for settings in profiles.values()):
        keys.warn_of_readers(str(path), mode, warn)
    if name is None:
        name, by, place = default, "default_profile", f"{path} default_profile"
    if name is None:
        return NO_PROFILE
    if name not in profiles:
        known = f"Profiles: {', '.join(profiles) or 'none'}."
        hint = " ".join(filter(None, [did_you_mean(name, profiles), known]))
        raise ConfigurationError(f'{place}: there is no profile "{name}" in {path}. {hint}')
    return Profile(name, _place(path, name), by, profiles[name])


def names(environment: Mapping[str, str]) -> list[str]:
    """The profiles there are, as far as the file can be read."""
    path = location(environment)
    try:
        return list(_read(path)[1]) if os.path.exists(path) else []
    except ConfigurationError:
        return []


def _read(path: Path) -> tuple[str | None, dict[str, dict[str, Any]], int]:
    """The default profile's name, the settings of every profile, and who may read the file."""
    table, mode = _load(path)
    for name in table:
        if name in SETTINGS:
            raise ConfigurationError(f'{path}: "{name}" belongs below a line [profiles.NAME].')
    _check_names(table, ("default_profile", "profiles"), str(path))
    default, profiles = table.get("default_profile"), table.get("profiles", {})
    if not isinstance(default, str | None):
        raise ConfigurationError(f"{path} default_profile: it must be text in quotes.")
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise ConfigurationError(f"{path}: profiles are tables, [profiles.NAME] and what follows.")
    return default, {name: _settings(path, name, profiles[name]) for name in profiles}, mode


def _load(path: Path) -> tuple[dict[str, Any], int]:
    """What the file says, and its mode."""
    import tomllib

    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(keys.LARGEST_FILE + 1)
        if len(content) > keys.LARGEST_FILE:
            raise ConfigurationError(f"{path} is too large for a configuration file.")
        text = content.decode("utf-8-sig")
        return tomllib.loads(text), mode
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}."
    except UnicodeDecodeError:
        reason = f"{path} is not UTF-8 text."
    except tomllib.TOMLDecodeError as error:
        reason = f"{path} {_line_first(str(error), last=len(text.splitlines()))}."
    except (ValueError, RecursionError):
        reason = f"{path} has a number that is too long, or brackets nested too deeply."
    raise ConfigurationError(reason)


def _line_first(reason: str, *, last: int) -> str:
    """tomllib's `Invalid value (at line 3, column 8)` as `line 3: invalid value`."""
    what, _, where = reason.rpartition(" (at ")
    line = re.match(r"line (\d+)", where)
    if what == "Invalid value":
        what += "; text stands in quotes"
    return f"line {line[1] if line else last}: {what[:1].lower()}{what[1:]}"


def _settings(path: Path, profile: str, table: dict[str, Any]) -> dict[str, Any]:
    place = _place(path, profile)
    _check_names(table, SETTINGS, place)
    settings = {}
    for name, said in table.items():
        try:
            settings[name] = SETTINGS[name](said, path.parent)
        except ValueError as error:
            raise ConfigurationError(f"{place} {name}: {error}.") from None
    return settings


def _place(path: Path, profile: str) -> str:
    return f"{path} [profiles.{profile}]"


def _check_names(table: Iterable[str], known: Iterable[str], place: str) -> None:
    for name in table:
        if name not in known:
            hint = did_you_mean(name, known) or f"There is: {', '.join(known)}."
            raise ConfigurationError(f'{place}: there is no setting "{name}". {hint}')


Shape = Callable[[Any, Path], Any]
"""A setting from its TOML value and the file's folder; ValueError tells what it must be."""


def _text(said: Any, _: Path) -> str:
    if not isinstance(said, str):
        raise ValueError("it must be text in quotes")
    if "\0" in said:
        raise ValueError("it holds a NUL character")
    return said


def _quantity(said: Any, folder: Path) -> str:
    return str(said) if type(said) in (int, float) else _text(said, folder)


def _switch(said: Any, _: Path) -> bool:
    if not isinstance(said, bool):
        raise ValueError("it must be true or false")
    return said


def _path(said: Any, folder: Path) -> str:
    return str(folder / os.path.expanduser(_text(said, folder)))


def _globs(said: Any, folder: Path) -> tuple[str, ...]:
    globs = _texts(said, folder)
    if any(part.strip() in ("", "!") for glob in globs for part in glob.split(",")):
        raise ValueError("it needs a pattern, and got an empty one")
    return globs


def _texts(said: Any, folder: Path) -> tuple[str, ...]:
    """One text, or a list of them."""
    return tuple(_text(one, folder) for one in (said if isinstance(said, list) else [said]))


def _keys(said: Any, folder: Path) -> tuple[str, ...]:
    """As for `--key`; a table says NAME = KEY."""
    if not isinstance(said, dict):
        return _texts(said, folder)
    if any("=" in name for name in said):
        raise ValueError("a name consists of letters, digits, dots, _ and -")
    return tuple(f"{name}={_text(key, folder)}" for name, key in said.items())


def _words(said: Any, folder: Path) -> tuple[str, ...]:
    """A command and its arguments; a text is taken apart as a shell would do it."""
    import shlex

    words = list(_texts(said, folder))
    if not isinstance(said, list):
        try:
            words = shlex.split(said)
        except ValueError:
            raise ValueError("a quote in it is not closed") from None
    if not words:
        raise ValueError("it is empty")
    return tuple(words)


SETTINGS: dict[str, Shape] = {
    "region": _text,
    "deployment": _text,
    "client_type": _text,
    "url": _text,
    "keys": _keys,
    "key_file": _path,
    "key_command": _words,
    "ca_file": _path,
    "reconnect": _switch,
    "retry_for": _quantity,
    "idle_timeout": _quantity,
    "fill_gaps": _switch,
    "max_message_size": _quantity,
    "allow_plaintext": _switch,
    "strict": _switch,
    "save_malformed": _path,
    "dsn": _globs,
    "event_type": _globs,
    "property": _globs,
    "oem_model": _globs,
    "output": _text,
    "format": _text,
    "highlight": _text,
    "fold": _switch,
    "color": _text,
    "utc": _switch,
    "annotate": _switch,
    "quiet": _switch,
}
"""What a profile may say, under the names of the options."""
