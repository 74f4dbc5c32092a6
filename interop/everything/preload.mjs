// Loaded before the unchanged server (node --import). It adds what the test needs and the server does not have:
// a ledger of executions, the loopback address, and an end with the test.
import { appendFileSync } from "node:fs";
import { Server as NetServer } from "node:net";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";

// A tools/call that carries a nonce is recorded where the SDK hands it to its handler: it is executed then, and only then.
// appendFileSync writes with O_APPEND: a kill -9 leaves no half line.
const setRequestHandler = Server.prototype.setRequestHandler;
Server.prototype.setRequestHandler = function (schema, handler) {
  return setRequestHandler.call(this, schema, (request, extra) => {
    const nonce = request.method === "tools/call" && request.params.arguments?.nonce;
    if (nonce) appendFileSync(process.env.MCPCLIENT_INTEROP_LEDGER, `${nonce}\n`, { mode: 0o600 });
    return handler(request, extra);
  });
};

// The server listens on every address of the machine; a test server must not.
const listen = NetServer.prototype.listen;
NetServer.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};

// The standard input is a pipe that the test holds open, so no server outlives a test that was killed.
process.stdin.on("end", () => process.exit(0)).resume();
