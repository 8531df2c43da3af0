"""The words of a command line: which is the command, wherever among the options it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from typer.core import TyperOption

from dsstail.cli.commands import COMMANDS, load


@dataclass(slots=True)
class Line:
    """A command line as far as it goes."""

    command: str | None = None
    """The first word that is neither an option nor the value of one, a command or not."""

    rest: list[str] = field(default_factory=list)
    """All other words, in their order."""

    arguments: int = 0
    """How many words after the command are neither options nor values."""

    options: set[str] = field(default_factory=set)
    """All spellings of the options that are there."""

    options_end: bool = False
    """Whether a `--` ends the options."""

    unknown: bool = False
    """Whether an option is there that does not exist."""

    pending: TyperOption | None = None
    """The option at the end that still lacks its value."""

    def find(self, spelling: str) -> TyperOption | None:
        """The option so spelled; as long as there is no command it may be any command's."""
        for name in [self.command] if self.command in COMMANDS else COMMANDS:
            for param in load(name).params:
                if spelling in (*param.opts, *param.secondary_opts):
                    assert isinstance(param, TyperOption)
                    return param
        return None


def read(words: Iterable[str]) -> Line:
    """Understand `words`. Options that no command has are taken for flags."""
    line = Line()
    for word in words:
        if line.pending is not None:
            line.pending = None
        elif word == "--" and not line.options_end:
            line.options_end = True
        elif word.startswith("-") and word != "-" and not line.options_end:
            _read_options(line, word)
        elif line.command is None:
            line.command = word
            continue
        else:
            line.arguments += 1
        line.rest.append(word)
    return line


def _read_options(line: Line, word: str) -> None:
    """Note one long option, or the short ones of a cluster like `-qv` or `-ojson`."""
    long, has_value, _ = word.partition("=")
    spellings = [long] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
    for place, spelling in enumerate(spellings, start=2):
        option = line.find(spelling)
        if option is None:
            line.unknown = True
            return
        line.options.update(option.opts, option.secondary_opts)
        if not option.is_flag and not option.count:
            value_follows = not has_value if word.startswith("--") else place == len(word)
            line.pending = option if value_follows else None
            return
