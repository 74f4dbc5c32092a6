// Tools that need something of the client, and those that tell it something unasked. The SDK turns what they return into requests of
// the server, or into an answer that asks for input, by the version that the client speaks.
import { inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { z } from "zod";

const text = (said) => ({ content: [{ type: "text", text: said }] });
const needs = (key, request) => inputRequired({ inputRequests: { [key]: request }, requestState: "asked" });
const nothing = z.object({});

export function addAsking(server, lasting, notifier) {
  server.registerTool("ask", { description: "Asks for a name.", inputSchema: nothing }, (_, ctx) => {
    const reply = inputResponse(ctx.mcpReq.inputResponses, "who");
    if (reply.kind === "missing") {
      const requestedSchema = { type: "object", properties: { name: { type: "string", title: "Name", default: "Ada" } } };
      return needs("who", inputRequired.elicit({ message: "Who are you?", requestedSchema }));
    }
    return text([reply.action, reply.content?.name].filter(Boolean).join(" "));
  });
  server.registerTool("sample", { description: "Lets the client's model say something.", inputSchema: nothing }, (_, ctx) => {
    const reply = inputResponse(ctx.mcpReq.inputResponses, "words");
    if (reply.kind === "missing") {
      const messages = [{ role: "user", content: { type: "text", text: "Say something." } }];
      return needs("words", inputRequired.createMessage({ messages, maxTokens: 100 }));
    }
    return text([reply.result.content].flat()[0].text);
  });
  server.registerTool("roots", { description: "Lists the client's roots.", inputSchema: nothing }, (_, ctx) => {
    const reply = inputResponse(ctx.mcpReq.inputResponses, "roots");
    if (reply.kind === "missing") return needs("roots", inputRequired.listRoots());
    return text(reply.roots.map((root) => root.uri).join(", "));
  });
  server.registerTool("log", { description: "Logs a line.", inputSchema: nothing }, async (_, ctx) => {
    await ctx.mcpReq.log("info", "noted", "interop");
    return text("logged");
  });
  const change = { description: "Changes the list of tools and the motto.", inputSchema: nothing };
  server.registerTool("change", change, () => {
    lasting.added = true;
    notifier().toolsChanged();
    notifier().resourceUpdated("interop://motto");
    return text("changed");
  });
  if (lasting.added) server.registerTool("added", { inputSchema: nothing }, () => text("added"));
}
