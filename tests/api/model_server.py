"""A provider of language models on a real socket of loopback, that speaks OpenAI's protocol."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent; `wait_seconds` before that at most, or until the server is stopped."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    wait_seconds: float = 0


@dataclass(slots=True)
class ModelServer:
    """`reply` makes an answer of each request; `asked` has the requests in order."""

    url: str
    reply: Callable[[Asked], Reply] = lambda _: Reply(500)
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Runs in threads of its own, on any free port."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, body)
            server.asked.append(asked)
            reply = server.reply(asked)
            stopped.wait(reply.wait_seconds)
            try:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply.body)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                pass  # the client has gone

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = ModelServer(f"http://127.0.0.1:{httpd.server_address[1]}")
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            stopped.set()
            httpd.shutdown()
            thread.join()


def chat_completion(asked: Asked, arguments: str) -> Reply:
    """The model calls the tool by which the client wants its answer, as in Chat Completions."""
    (tool,) = asked.body["tools"]
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": tool["function"]["name"], "arguments": arguments},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return _ok(
        id="chatcmpl-1",
        object="chat.completion",
        created=1_790_000_000,
        model=asked.body["model"],
        choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    )


def response(asked: Asked, arguments: str) -> Reply:
    """The same, as in the Responses API."""
    (tool,) = asked.body["tools"]
    call = {
        "id": "fc_1",
        "call_id": "call_1",
        "type": "function_call",
        "status": "completed",
        "name": tool["name"],
        "arguments": arguments,
    }
    return _ok(
        id="resp_1",
        object="response",
        created_at=1_790_000_000,
        status="completed",
        model=asked.body["model"],
        output=[call],
        parallel_tool_calls=True,
        tool_choice="required",
        tools=[],
    )


def messages_answer(asked: Asked, arguments: str) -> Reply:
    """The same, as in Anthropic's Messages API."""
    (tool,) = asked.body["tools"]
    use = {"type": "tool_use", "id": "tu_1", "name": tool["name"], "input": json.loads(arguments)}
    return _ok(
        id="msg_1",
        type="message",
        role="assistant",
        model=asked.body["model"],
        content=[use],
        stop_reason="tool_use",
        stop_sequence=None,
        usage={"input_tokens": 10, "output_tokens": 5},
    )


def _ok(**body: Any) -> Reply:
    return Reply(body=json.dumps(body).encode())
