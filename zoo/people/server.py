"""The pages of a study: an application in which every address but a link with its token is unknown.

Pages are whole without JavaScript; a script of ours adds keys. Everything comes from this server, and headers keep it
so: whatever a model wrote into a reply, the browser runs and fetches nothing of it.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from zoo.people.judge_pages import add_judge_pages
from zoo.people.owner_page import add_owner_page
from zoo.people.preparation import Prepared
from zoo.people.store import NotKeptError
from zoo.people.validator_pages import add_validator_pages
from zoo.people.web import FOLDER, Doors, Pages

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; img-src data:; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",  # the address is the key
    "Cache-Control": "no-store",
}
LARGEST = 64 * 1024  # bytes of a form: one answer a question
FILES = {"style.css": "text/css", "keys.js": "text/javascript"}


def study_app(ready: Prepared) -> FastAPI:
    """The application that serves a study."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    doors, pages = Doors(ready), Pages(ready.study.title)
    files = {name: (FOLDER / name).read_bytes() for name in FILES}

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not (length.isdecimal() and int(length) <= LARGEST):
            response: Response = HTMLResponse("Too long.", 413)
        else:
            response = await go_on(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(StarletteHTTPException)
    async def unknown(request: Request, error: StarletteHTTPException) -> Response:
        return HTMLResponse("<!doctype html><html lang=en><title>Not found</title><p>There is no such page.", 404)

    @app.exception_handler(NotKeptError)
    async def closed(request: Request, error: NotKeptError) -> Response:
        """Of a page that only looks; forms that could not be saved come back with what was chosen."""
        root = "/".join(request.url.path.split("/")[:3])
        return pages.html("closed", root, 503, address=request.url.path)

    @app.get("/{place}/{token}/{name}.{ending}")
    def file(place: str, token: str, name: str, ending: str) -> Response:
        doors.who(place, token)
        if (whole := f"{name}.{ending}") not in files:
            raise HTTPException(404)
        return Response(files[whole], media_type=FILES[whole])

    add_judge_pages(app, ready, doors, pages)
    add_validator_pages(app, ready, doors, pages)
    add_owner_page(app, ready, doors, pages)
    return app
