// The usual Node client: `node node_ws.js URL > FILE`.
const WebSocket = require("ws");

const socket = new WebSocket(process.argv[2]);
socket.on("message", (data) => {
  const message = data.toString();
  if (message === "1|Z") {
    socket.send("Z");
    return;
  }
  const text = message.slice(message.indexOf("|") + 1);
  JSON.parse(text);
  process.stdout.write(text + "\n");
});
