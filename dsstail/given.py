"""What the user asked for: the command line before the environment before the profile.

Options come as text under their long names, with `_` for `-`, and None where they were not given.
What does not work raises ConfigurationError, which names the option, the variable or the setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dsstail.errors import ConfigurationError
from dsstail.profiles import NO_PROFILE, Profile

Parsed = TypeVar("Parsed")
Default = TypeVar("Default")


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """One thing that the user asked for; it may be a key."""

    name: str
    what: Any
    origin: str
    place: str
    """The option, the variable or the setting, for messages."""


class Given:
    """What the user asked for, by option name.

    The command line comes before `DSSTAIL_…` variables, and these before the profile.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        environment: Mapping[str, str],
        profile: Profile = NO_PROFILE,
    ) -> None:
        self._options = options
        self._environment = environment
        self.profile = profile

    def option(self, name: str) -> Any:
        """What the command line says, None where it says nothing."""
        return self._options.get(name)

    def variable(self, name: str) -> str | None:
        """What the environment says; an empty variable says nothing."""
        return self._environment.get(_variable(name)) or None

    def first(self, *names: str) -> Said | None:
        """The first of these names that is given, and given where it counts most."""
        for name in names:
            if (option := self.option(name)) not in (None, []):
                return Said(name, option, "flag", _flag(name))
        for name in names:
            if (text := self.variable(name)) is not None:
                return Said(name, text, _variable(name), _variable(name))
        for name in names:
            if (setting := self.profile.settings.get(name)) is not None:
                origin, place = f"profile {self.profile.name}", f"{self.profile.place} {name}"
                return Said(name, setting, origin, place)
        return None

    def origin(self, *names: str) -> str:
        """Who decides on what these names are about."""
        said = self.first(*names)
        return said.origin if said else "default"

    def value(
        self, name: str, parse: Callable[[str], Parsed], default: Default
    ) -> Parsed | Default:
        """The option as `parse` reads it, whose ValueError tells what is wrong."""
        said = self.first(name)
        if said is None:
            return default
        try:
            return parse(str(said.what))
        except ValueError as error:
            raise ConfigurationError(f"{said.place}: {error}.") from None

    def list(self, name: str) -> tuple[str, ...]:
        """All values of an option that can be repeated."""
        said = self.first(name)
        return tuple(said.what) if said else ()

    def switch(self, name: str, opposite: str | None = None, *, default: Default) -> bool | Default:
        """A flag; in the environment it goes by its own name or by that of its opposite."""
        option = self.option(name)
        if option is not None:
            return bool(option)
        on = self._yes(name)
        off = self._yes(opposite) if opposite else None
        if opposite and on is not None and on == off:
            raise ConfigurationError(f"{_variable(name)} contradicts {_variable(opposite)}.")
        if on is not None or off is not None:
            return on if on is not None else not off
        setting: bool | None = self.profile.settings.get(name)
        return default if setting is None else setting

    def _yes(self, name: str) -> bool | None:
        text = self.variable(name)
        if text is None:
            return None
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigurationError(f'{_variable(name)}: "{text}" is neither 1 nor 0.')


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return "DSSTAIL_" + name.upper()


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """Reads one of a few words, large or small; ValueError for any other."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f'"{text}" is none of {", ".join(choices)}')
        return text.lower()

    return parse


def text_or_json(output: str | None) -> str:
    """The `--output` of a command that has only these two; unasked it is text."""
    return Given({"output": output}, {}).value("output", one_of(("text", "json")), "text")
