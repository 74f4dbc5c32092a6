"""Tools that need something of the client, and those that tell it something unasked."""

from pydantic import BaseModel, Field


class Who(BaseModel):
    name: str = Field(default="Ada", title="Name")


def add_asking(mcp, kind: str) -> None:
    if kind == "fastmcp":
        from fastmcp import Context
        import mcp_types as types
    else:
        from mcp.server.fastmcp import Context
        from mcp import types

    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Say something."))

    def modern(ctx) -> bool:
        """Whether the client speaks a version in which a server cannot ask; then the answer has to."""
        return kind == "fastmcp" and ctx.request_context.protocol_version >= "2026-07-28"

    def answered(ctx, key: str):
        return (ctx.input_responses or {}).get(key)

    def needs(key: str, request):
        return types.InputRequiredResult(input_requests={key: request}, request_state="asked")

    async def ask(ctx: Context):
        """Asks for a name."""
        if not modern(ctx):
            # The two have the same call under two names of its argument.
            reply = await ctx.elicit("Who are you?", Who)
            return f"{reply.action} {reply.data.name}" if reply.action == "accept" else reply.action
        reply = answered(ctx, "who")
        if reply is None:
            params = types.ElicitRequestFormParams(message="Who are you?", requested_schema=Who.model_json_schema())
            return needs("who", types.ElicitRequest(params=params))
        return f"{reply.action} {reply.content['name']}" if reply.action == "accept" else reply.action

    async def sample(ctx: Context):
        """Lets the client's model say something."""
        if not modern(ctx):
            reply = await ctx.session.create_message([said], max_tokens=100, related_request_id=ctx.request_id)
        else:
            reply = answered(ctx, "words")
            if reply is None:
                params = types.CreateMessageRequestParams(messages=[said], max_tokens=100)
                return needs("words", types.CreateMessageRequest(params=params))
        content = reply.content[0] if isinstance(reply.content, list) else reply.content
        return content.text

    async def roots(ctx: Context):
        """Lists the client's roots."""
        if not modern(ctx):
            reply = await ctx.session.list_roots()
        else:
            reply = answered(ctx, "roots")
            if reply is None:
                return needs("roots", types.ListRootsRequest())
        return ", ".join(str(root.uri) for root in reply.roots)

    async def log(ctx: Context) -> str:
        """Logs a line."""
        await ctx.log(level="info", message="noted", logger_name="interop")
        return "logged"

    async def change(ctx: Context) -> str:
        """Changes the list of tools and the motto."""

        def added() -> str:
            return "added"

        mcp.tool()(added)
        if kind == "fastmcp":
            await ctx.send_notification(types.ToolListChangedNotification())
            params = types.ResourceUpdatedNotificationParams(uri="interop://motto")
            await ctx.send_notification(types.ResourceUpdatedNotification(params=params))
        else:
            await ctx.session.send_tool_list_changed()
            await ctx.session.send_resource_updated("interop://motto")
        return "changed"

    # What a tool returns decides here what it is: neither SDK is to derive a schema of structured output from it.
    plain = {"output_schema": None} if kind == "fastmcp" else {"structured_output": False}
    for tool in (ask, sample, roots, log, change):
        mcp.tool(**plain)(tool)
