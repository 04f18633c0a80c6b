"""Serving the page: nothing is asked of other machines, and nothing is told to them.

Gradio is imported and the page is served before torch is; models are read behind it.
"""

import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from zoo.errors import UserError
from zoo.people.address import is_loopback
from zoo.people.chat.runs import Runs
from zoo.people.chat.start import Start

# Only this page's own files; scripts and styles of its own HTML are Gradio's way.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'"
)
SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "GRADIO_SHARE": "False"}
INSTALL = "The page needs gradio, fastapi and uvicorn. Install them: pip install persona-zoo[people]"


def serve_page(runs: Runs, start: Start, host: str, port: int) -> None:
    """Serve the page until Ctrl-C.

    Args:
        runs: that can be chosen.
        start: what was typed with the command.
        host: to serve on, as `zoo.people.address` allowed it.
        port: a free one.

    Raises:
        UserError: a package is missing; or, once the page is there, the first model, its user or the scorer cannot be
            had.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise UserError(f"{error}. {INSTALL}") from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    failed: list[UserError] = []

    def ready() -> None:
        print(f"the page: {address}   (Ctrl-C ends it)", flush=True)
        threading.Thread(target=read, daemon=True).start()

    def read() -> None:
        try:
            read_ahead(runs, start)
        except UserError as error:
            failed.append(error)
            server.should_exit = True

    app = page_app(runs, start, host, ready)
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2))
    with suppress(KeyboardInterrupt):  # its way of ending
        server.run()
    if failed:
        raise failed[0]


def page_app(runs: Runs, start: Start, host: str, ready: Callable[[], None]) -> Any:
    """The page as an ASGI application.

    Args:
        runs, start, host: see `serve_page`.
        ready: called when requests are answered.

    Raises:
        UserError: a package is missing.
    """
    os.environ.update(SILENT)  # before gradio is imported
    try:
        import gradio as gr
        from fastapi import FastAPI
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ModuleNotFoundError as error:
        raise UserError(f"{error}. {INSTALL}") from error
    from zoo.people.chat.page import Page
    from zoo.people.chat.style import STYLE

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        ready()
        yield

    app = FastAPI(lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    if is_loopback(host):  # a stranger's page whose name was made to mean this machine gets nothing
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", host.strip("[]"), "["])

    @app.middleware("http")
    async def with_policy(request: Any, call: Callable[[Any], Awaitable[Any]]) -> Any:
        response = await call(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    page = Page(runs, start).blocks
    theme: Any = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    theme = theme.set(body_text_color_subdued="*neutral_600", block_info_text_color="*neutral_600")
    options: dict[str, Any] = {"theme": theme, "css": STYLE, "footer_links": [], "show_error": False, "ssr_mode": False}
    return gr.mount_gradio_app(app, page, path="/", run_history=False, **options)


def read_ahead(runs: Runs, start: Start) -> None:
    """Read the first model while the first visitor looks at the page, and see whether it answers as it was asked to.

    Raises:
        UserError: it does not; every visitor would meet the same.
    """
    from zoo.people.chat.conversation import Conversation

    Conversation(runs.model(runs.names[0]), start.persona, start.user, start.seed, start.settings)
    start.nli()
