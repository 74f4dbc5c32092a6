// The interop suite's tools, served by the official TypeScript SDK's second generation: stateless, to clients of both eras.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer, ResourceTemplate, completable, createMcpHandler } from "@modelcontextprotocol/server";
import { z } from "zod";
import { addAsking } from "./asking.mjs";

const names = (typed) => ["Ada", "Alan", "Grace"].filter((name) => name.startsWith(typed));
const text = (said) => ({ content: [{ type: "text", text: said }] });

// What has been added while the server runs. The SDK builds a server for each request; what is to last stands outside.
const lasting = { added: false };

function addTools(server) {
  server.registerTool("echo", { description: "Returns its text.", inputSchema: z.object({ text: z.string() }) }, (args) => text(args.text));
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
    },
    ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }),
  );
  server.registerTool(
    "slow",
    {
      description: "Works for some seconds and reports each step.",
      inputSchema: z.object({ seconds: z.number(), steps: z.number().int() }),
    },
    async ({ seconds, steps }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (let step = 1; step <= steps; step++) {
        await sleep((seconds * 1000) / steps);
        if (progressToken === undefined) continue;
        await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: step, total: steps } });
      }
      return text("done");
    },
  );
  server.registerTool(
    "count",
    {
      description: "Records its nonce in the ledger of executions.",
      inputSchema: z.object({ nonce: z.string(), seconds: z.number().optional() }),
    },
    async ({ nonce, seconds = 0 }) => {
      // appendFileSync writes with O_APPEND: a kill -9 leaves no half line.
      appendFileSync(process.env.MCPCLIENT_INTEROP_LEDGER, `${nonce}\n`, { mode: 0o600 });
      await sleep(seconds * 1000);
      return text(nonce);
    },
  );
}

function addTexts(server) {
  const plain = { mimeType: "text/plain" };
  const read = (uri, said) => ({ contents: [{ uri: uri.href, mimeType: "text/plain", text: said }] });
  server.registerResource("motto", "interop://motto", plain, (uri) => read(uri, "hold fast"));
  const greeting = new ResourceTemplate("interop://greeting/{name}", { list: undefined, complete: { name: names } });
  server.registerResource("greeting", greeting, plain, (uri, { name }) => read(uri, `hello, ${name}`));
  server.registerPrompt("greet", { argsSchema: z.object({ name: completable(z.string(), names) }) }, ({ name }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Please greet ${name}.` } }],
  }));
}

const handler = createMcpHandler(() => {
  const server = new McpServer(
    { name: "interop-typescript", version: "1.0.0" },
    { capabilities: { logging: {}, resources: { subscribe: true, listChanged: true }, tools: { listChanged: true } } },
  );
  addTools(server);
  addAsking(server, lasting, () => handler.notify);
  addTexts(server);
  return server;
});

const serve = toNodeHandler(handler);
createServer((req, res) => {
  if (new URL(req.url, "http://server").pathname === "/mcp") return serve(req, res);
  res.writeHead(404).end();
}).listen(Number(process.env.PORT), "127.0.0.1");

// The standard input is a pipe that the test holds open, so no server outlives a test that was killed.
process.stdin.on("end", () => process.exit(0)).resume();
