"""A tiny causal model in a folder, and a real HTTP server that behaves as each test says."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.backbones import Backbone
from zoo.language_models.openai_endpoint import OpenAiEndpoint

KEY = "sk-test-0123456789abcdef-not-a-real-key"
VARIABLE = "ZOO_TEST_KEY"
SHAPE = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024}


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory, zoo_cache: Path) -> Path:
    """A GPT-2 of width 32 with wide random weights, so that what a prompt says shows in its answer."""
    folder = tmp_path_factory.mktemp("causal")
    backbone = Backbone(
        "causal",
        pretrained=False,
        tokenizer_path="demo",
        architecture=SHAPE | {"initializer_range": 0.4},
        dtype="fp64",
    )
    tokenizer = backbone.tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone.load(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: str | None = None  # None: an answer that repeats the prompt's last word
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0  # seconds
    cut: int = 0  # bytes of the body that never come


Behaviour = Callable[[int, dict[str, Any]], Reply]  # number of the request, its body


class Server(ThreadingHTTPServer):
    """Speaks enough of OpenAI's API; remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave: Behaviour = lambda number, body: Reply()
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What `base_url` is."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            number = len(server.bodies)
            server.bodies.append(body)
            server.paths.append(self.path)
            server.keys.append(self.headers["Authorization"])
            server.times.append(time.monotonic())
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            reply = server.behave(number, body)
            time.sleep(reply.wait)
        finally:
            with server.lock:
                server.under_way -= 1
        content = (reply.body if reply.body is not None else usual(body)).encode()
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - reply.cut])
        except OSError:
            pass  # the client had waited long enough

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def usual(body: dict[str, Any]) -> str:
    """A complete answer: "answer to" and the prompt's last word."""
    prompt = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
    return answer(f"answer to {prompt.split()[-1]}", chat="messages" in body)


def answer(text: str | None, chat: bool = True, reason: str = "stop") -> str:
    """The body of a reply with this text."""
    content = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return json.dumps({"id": "1", "choices": [{"index": 0, "finish_reason": reason, **content}]})


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free port; `server.behave` is the test's."""
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def endpoint(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OpenAiEndpoint]:
    """`endpoint(mode="chat")`: a client of the server that does not wait long."""
    monkeypatch.setenv(VARIABLE, KEY)

    def make(**settings: Any) -> OpenAiEndpoint:
        usual_settings = {"base_url": server.url, "key_variable": VARIABLE, "first_wait": 0.01, "timeout": 5.0}
        return OpenAiEndpoint("m", **(usual_settings | settings))

    return make
