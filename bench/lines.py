"""The least that reading a recording takes: `python lines.py FILE`."""

import sys

import orjson

with open(sys.argv[1], "rb") as recording:
    for line in recording:
        orjson.loads(line)
