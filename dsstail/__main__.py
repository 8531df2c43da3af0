"""The command `dsstail`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        _die_of_ctrl_c()
        gc.set_threshold(5000)  # imports make no garbage: look for some less often
        _open_standard_streams()
        from dsstail.cli.run import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    finally:
        gc.freeze()  # or Python looks through everything several times at its exit


def _die_of_ctrl_c() -> None:
    """Let SIGINT end the process until more is set up: an import may crash for an exception."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _open_standard_streams() -> None:
    """Open what was closed by whoever started us (`>&-`): a socket must not become stdout.

    So all three are there from here on. What is written to a stdout that was closed is lost, and
    nothing can be read from such a stdin: both are errors.
    """
    for descriptor, name, mode, access in (
        (0, "stdin", "r", os.O_WRONLY),
        (1, "stdout", "w", os.O_RDONLY),
        (2, "stderr", "w", os.O_RDWR),
    ):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, access)  # gets the lowest free number, which is this one
            setattr(sys, name, open(descriptor, mode, errors="replace"))  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
