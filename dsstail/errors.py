"""Every failure that dsstail raises, named after what the user can do about it.

Messages may quote text from outside; whoever prints one escapes it first
(`escaping.visible`). No message ever holds a whole stream key.
"""

from __future__ import annotations


class DsstailError(Exception):
    """A failure with an exit code of its own; the message is for the user."""

    exit_code = 1


class ConfigurationError(DsstailError):
    """Options, environment or configuration that cannot work: change them."""

    exit_code = 2


class ConnectionFailed(DsstailError):
    """The connection could not be opened, or it ended; worth another try.

    `retry_after` is the pause in seconds that the service asked for, if any.
    """

    exit_code = 3

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Closed(ConnectionFailed):
    """The service closed the connection with a close frame, of its own will."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def restarts(self) -> bool:
        """Whether the code speaks of the service, whatever the connection was asked for."""
        return self.code in (1001, 1012, 1013, 1014)


class Cut(ConnectionFailed):
    """The connection ended without a word: by the network, or by a service that is rude."""


class Violation(ConnectionFailed):
    """The service broke the protocol, or a limit, and the connection was closed for it.

    `raw` is the message that did, where all of it came.
    """

    def __init__(self, reason: str, raw: bytes = b"") -> None:
        super().__init__(reason)
        self.raw = raw


class Unreadable(Violation):
    """A message came that cannot be taken: sent again, it would end the next connection too."""


class Crowded(ConnectionFailed):
    """There is no room in memory for a message that came: the connection was given up for that."""


class Rejected(ConnectionFailed):
    """The service answered the handshake with a status that is not 101.

    401, 403 and 404 speak about the key or the place, and are final at the first
    connection; `final` says whether this status is one of them.
    """

    exit_code = 4

    def __init__(self, reason: str, *, status: int, retry_after: float | None = None) -> None:
        super().__init__(reason, retry_after=retry_after)
        self.status = status

    @property
    def final(self) -> bool:
        return self.status in (401, 403, 404)


class StrictViolation(DsstailError):
    """`--strict` met a gap, a reset, or something malformed."""

    exit_code = 5


class OutputError(DsstailError):
    """The output could not be written."""

    exit_code = 6


class OutputClosed(Exception):
    """Nobody reads the output any more (`| head`): a reason to end, and no error."""


class OutputBehind(Exception):
    """Time is over, and who reads the output has not come to its end: a whole line is the last."""


class ExpectationTimeout(DsstailError):
    """What `--expect` waits for did not come within `--timeout`."""

    exit_code = 124
