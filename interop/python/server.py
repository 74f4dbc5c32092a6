"""The interop suite's tools, served by a Python SDK.

One script for three installations: `server.py sdk` uses the official SDK of
the 1.x line, `server.py fastmcp` uses FastMCP. Both have the same decorators.
The second argument says how it serves: with "sessions", "stateless", or over
"sse", the two-endpoint transport of 2024-11-05.
"""

import os
import sys
import threading

import anyio
from pydantic import BaseModel

from asking import add_asking

KIND = sys.argv[1]
MODE = sys.argv[2] if len(sys.argv) > 2 else "sessions"
TRANSPORT = "sse" if MODE == "sse" else "streamable-http"
PORT = int(os.environ["PORT"])
LEDGER = os.environ["MCPCLIENT_INTEROP_LEDGER"]

if KIND == "fastmcp":
    from fastmcp import Context, FastMCP
    from mcp_types import Completion

    mcp = FastMCP("interop-fastmcp", version="1.0.0")
else:
    from mcp.server.fastmcp import Context, FastMCP
    from mcp.types import Completion

    mcp = FastMCP("interop-python-sdk", host="127.0.0.1", port=PORT, log_level="WARNING", stateless_http=MODE == "stateless")


class Sum(BaseModel):
    sum: float


@mcp.tool()
async def echo(text: str) -> str:
    """Returns its text."""
    return text


@mcp.tool()
async def add(a: float, b: float) -> Sum:
    """Adds two numbers."""
    return Sum(sum=a + b)


@mcp.tool()
async def slow(seconds: float, steps: int, ctx: Context) -> str:
    """Works for some seconds and reports each step."""
    for step in range(steps):
        await anyio.sleep(seconds / steps)
        await ctx.report_progress(step + 1, steps)
    return "done"


@mcp.tool()
async def count(nonce: str, seconds: float = 0) -> str:
    """Records its nonce in the ledger of executions, then works for some seconds."""
    # One write with O_APPEND is atomic: a kill -9 leaves no half line and concurrent calls do not mix.
    ledger = os.open(LEDGER, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.write(ledger, f"{nonce}\n".encode())
    finally:
        os.close(ledger)
    await anyio.sleep(seconds)
    return nonce


@mcp.resource("interop://motto", mime_type="text/plain")
def motto() -> str:
    return "hold fast"


@mcp.resource("interop://greeting/{name}", mime_type="text/plain")
def greeting(name: str) -> str:
    return f"hello, {name}"


@mcp.prompt()
def greet(name: str) -> str:
    return f"Please greet {name}."


@mcp.completion()
async def complete(ref, argument, context) -> Completion:
    values = [name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)]
    return Completion(values=values, total=len(values))


add_asking(mcp, KIND)


def end_with_the_test() -> None:
    """The standard input is a pipe that the test holds open, so no server outlives a test that was killed."""
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
if KIND == "fastmcp":
    options = {"stateless_http": True} if MODE == "stateless" else {}
    mcp.run(transport=TRANSPORT, host="127.0.0.1", port=PORT, show_banner=False, log_level="warning", **options)
else:
    mcp.run(transport=TRANSPORT)
