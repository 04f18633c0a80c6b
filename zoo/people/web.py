"""What all pages of a study share: links, templates, forms."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from zoo.people.preparation import OWNER, Prepared
from zoo.people.records import JUDGE, VALIDATOR

FOLDER = Path(__file__).parent / "pages"


class Doors:
    """Who stands behind a link."""

    def __init__(self, ready: Prepared) -> None:
        places = {JUDGE: "j", VALIDATOR: "v"}
        tokens = ready.store.tokens([*ready.judges, OWNER])
        self._keys = {name: (places.get(ready.judges.get(name, ""), OWNER), token) for name, token in tokens.items()}

    def who(self, place: str, token: str) -> str:
        """The name behind a token that opens this kind of page; it takes as long whatever the token is.

        Raises:
            HTTPException: 404; there is none.
        """
        found = None
        for name, (of, key) in self._keys.items():
            if hmac.compare_digest(key.encode(), token.encode("utf-8", "replace")) and of == place:
                found = name
        if found is None:
            raise HTTPException(404)
        return found


class Pages:
    """Templates, with what all of them need."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip

    def html(self, name: str, root: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page.

        Args:
            name: of the template, without its ending.
            root: the link that it is under: /j/TOKEN
            status: of HTTP.
            values: of the template.
        """
        template = self._templates.get_template(f"{name}.html")
        return HTMLResponse(template.render(root=root, study=self._title, **values), status)


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent; an upload counts for none."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


def number_of(text: str) -> int:
    """A place in an address.

    Raises:
        HTTPException: 404; it is no number.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise HTTPException(404)
    return int(text)
