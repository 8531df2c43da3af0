"""What one Python process can take at all: socket into a file. `python limit.py URL BYTES FILE`."""

import socket
import sys
from urllib.parse import urlsplit

url, left = urlsplit(sys.argv[1]), int(sys.argv[2])
with (
    socket.create_connection((url.hostname, url.port)) as connection,
    open(sys.argv[3], "wb", buffering=0) as file,
):
    head = f"GET {url.path} HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    connection.sendall(head.encode())
    while left > 0:
        left -= file.write(connection.recv(1 << 17))
