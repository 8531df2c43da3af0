"""The socket beneath a WebSocket: its bytes are read ahead, and mended where a read tears a frame.

In the handshake the head of the answer is read as a whole, in bounded size and time, before the
library gets to see it byte by byte. Afterwards each `receive` of a connection allows one read from
the socket, and a second one times out at once.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from dsstail import dialing, handshake
from dsstail.memory import give_back_large_blocks

SHORT_READ = 64 << 10
"""Bytes that a read from the socket asks for: the allocator has so many at hand."""

LONG_READ = 512 << 10
"""The same where the last read was full: each read lets other threads go first, which costs them
and this one a turn."""

LONGEST_READ = 1 << 20
"""The same within a large message."""

LARGEST_RECORD = 16 << 10
"""Bytes of a TLS record (RFC 8446, 5.1)."""

LONG_RECORD = 4 << 10
"""Bytes of a TLS record behind which there are likely to be others."""

SEND_TIMEOUT = 10.0
"""Seconds that an answer may take to leave; a peer that reads nothing is dropped."""

NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a read raises that is not to wait."""

SMALLEST_USUAL, LARGEST_USUAL = 126, 1003
"""Bytes of the message in a usual frame, at least and at most."""

USUAL = {
    b"\x81\x7e%b%d|{" % (size.to_bytes(2, "big"), size - 4): 4 + size
    for size in range(SMALLEST_USUAL, LARGEST_USUAL + 1)
}
"""The first nine bytes of every usual frame, and the size of the whole frame."""


class Wire:
    """The socket as the library sees it: with a read-ahead, and a deadline for the handshake."""

    def __init__(
        self, sock: socket.socket, endpoint: dialing.Endpoint, observe: dialing.Observer
    ) -> None:
        self.sock = sock
        self.endpoint = endpoint
        self._observe = observe
        self.data = b""
        self.at = 0
        self.torn = False  # what is ahead is one usual frame, and not all of it
        self.mended: list[bytes] = []  # the text of one that the last read has completed
        self.reads_left = 0
        self.goes_on = False  # the last read was full, so there is likely to be more
        self.bytes_received = 0
        self.handshake_deadline: float | None = None
        self.send_timeout = SEND_TIMEOUT
        self.closed = False
        self._timeout = 0.0
        self._set_timeout = -1.0
        self._is_tls = isinstance(sock, ssl.SSLSocket)

    @property
    def ahead(self) -> bool:
        """Whether something is read ahead: before the first `receive`, what followed the head."""
        return self.at < len(self.data)

    def settimeout(self, timeout: float) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float:
        return self._timeout or SEND_TIMEOUT

    def recv(self, size: int) -> bytes:
        """The bytes ahead, else those of the next read, `size` at most. Raises what that does."""
        if not self.ahead:
            if self.handshake_deadline is not None:
                self._read_head()
            else:
                self.read_on(size)
        data = self.data[self.at : self.at + size]
        self.at += len(data)
        return data

    def send(self, data: bytes) -> int:
        """Send everything, within the timeout; how much that was."""
        deadline = time.monotonic() + self.send_timeout
        self._set(self.send_timeout)
        sent = self.sock.send(data)
        while sent < len(data):
            self._set(max(deadline - time.monotonic(), 0.001))
            sent += self.sock.send(memoryview(data)[sent:])
        return sent

    def drain(self, seconds: float) -> None:
        """Read until the peer ends the connection, for so long at most."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            if not self._is_tls:
                self.sock.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._set(left)
                if not self.sock.recv(SHORT_READ):
                    break

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()

    def read_on(self, wanted: int = 0) -> None:
        """Read from the socket, and mend a torn frame. Raises TimeoutError, EOFError at the end."""
        if self.reads_left == 0:
            raise TimeoutError
        self.reads_left -= 1
        self.data, self.at = self.data[self.at :], 0  # while it waits it keeps no memory
        more = self._read(min(wanted, LONGEST_READ))
        self.goes_on = len(more) >= SHORT_READ
        if not more:
            raise EOFError
        self.bytes_received += len(more)
        missing = USUAL[self.data[:9]] - len(self.data) if self.torn else len(more)
        if missing < len(more):
            self.mended = [self.data[8:] + more[:missing]]
            self.data, self.at = more, missing
        else:
            self.data += more

    def _read(self, wanted: int) -> bytes:
        """Read what is there, or what comes. A look costs a turn: only where much is likely."""
        if self.goes_on:
            give_back_large_blocks()  # which keeps those of long reads at hand
            self.goes_on = False
            self._set(0.0)
            with contextlib.suppress(*NOTHING_YET):
                return self._read_what_is_there(max(wanted, LONG_READ))
        self._set(self._timeout)
        return self._read_what_is_there(max(wanted, SHORT_READ))

    def _read_what_is_there(self, size: int) -> bytes:
        """TLS gives one record at a time: as many as are there at once."""
        if not self._is_tls:
            return self.sock.recv(size)
        records = [self.sock.recv(LARGEST_RECORD)]
        size -= len(records[0])
        if len(records[0]) >= LONG_RECORD:
            self._set(0.0)
            with contextlib.suppress(OSError):  # what failed will fail again, in its turn
                while len(records[-1]) >= LONG_RECORD and size > 0:
                    records.append(self.sock.recv(LARGEST_RECORD))
                    size -= len(records[-1])
        return b"".join(records)

    def _set(self, timeout: float) -> None:
        """Set the socket's timeout where it differs: each setting is a system call."""
        if timeout != self._set_timeout:
            self.sock.settimeout(timeout)
            self._set_timeout = timeout

    def _read_head(self) -> None:
        """Have the library see of the response's head only what it has to check.

        It would keep cookies for all connections, and stumbles over much that does no harm.
        """
        head, rest = handshake.read_head(self._read_in_time, self.endpoint)
        self._observe(handshake.answered(head))
        handshake.check_status(head, self.endpoint)
        self.data, self.at = handshake.checked_lines(head) + rest, 0

    def _read_in_time(self) -> bytes:
        """The next bytes of the handshake. Raises TimeoutError at its deadline."""
        assert self.handshake_deadline is not None
        left = self.handshake_deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._set(left)
        return self.sock.recv(4096)
