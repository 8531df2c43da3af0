"""The loop that websocket-client's manual leads to: `python obvious.py URL COUNT > FILE`."""

import json
import sys

import websocket

ws = websocket.create_connection(sys.argv[1])
count = 0
while count < int(sys.argv[2]):
    message = str(ws.recv())
    length, payload = message.split("|", 1)
    if payload == "Z":
        ws.send("Z")
        continue
    event = json.loads(payload)
    assert "seq" in event
    print(payload)
    count += 1
