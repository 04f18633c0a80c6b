"""A judge's pages: /j/TOKEN, what it is about; /j/TOKEN/12, the judge's twelfth item; /j/TOKEN/end, thanks."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import RedirectResponse

from zoo.people.assignment import Progress
from zoo.people.forms import Forms
from zoo.people.preparation import Prepared
from zoo.people.store import NotKeptError
from zoo.people.views import turned, view_of
from zoo.people.web import Doors, Pages, form_of, number_of


def add_judge_pages(app: FastAPI, ready: Prepared, doors: Doors, pages: Pages) -> None:
    """Add them to the application."""
    store, assignment, items = ready.store, ready.assignment, ready.items
    forms = Forms(ready)

    def page(judge: str, token: str, place: int, id: str, progress: Progress | None, **more: Any) -> Response:
        return pages.html(
            "item",
            f"/j/{token}",
            more.pop("status", 200),
            item=view_of(items[id], assignment.swapped(judge, id)),
            proof=forms.proof(judge, id),
            questions=forms.questions,
            counts={},
            place=place,
            total=progress.total if progress else 0,
            done=len(progress.answered) if progress else 0,
            back=f"/j/{token}/{place - 1}" if place > 1 else f"/j/{token}",
            **{"chosen": {}, "missing": (), "trouble": ""} | more,
        )

    @app.get("/j/{token}")
    def start(token: str) -> Response:
        judge = doors.who("j", token)
        progress = assignment.look(judge)
        return pages.html(
            "start",
            f"/j/{token}",
            about=ready.study.questionnaire.about,
            progress=progress,
            questions=forms.questions,
            checks=len(assignment.checks),
            go=f"/j/{token}/{progress.current or len(progress.places) + 1}",
        )

    @app.get("/j/{token}/end")
    def end(token: str) -> Response:
        progress = assignment.look(doors.who("j", token))
        if progress.current is not None or len(progress.places) < progress.total:
            return RedirectResponse(f"/j/{token}", 303)
        return pages.html("end", f"/j/{token}", progress=progress)

    @app.get("/j/{token}/{place}")
    def show(token: str, place: str) -> Response:
        judge, number = doors.who("j", token), number_of(place)
        progress = assignment.open(judge)
        if not 1 <= number <= len(progress.places):
            where = progress.current or "end"
            return RedirectResponse(f"/j/{token}/{where}", 303)
        id = progress.places[number - 1]
        values = turned(store.answers_of(judge).get(id, {}), items[id].kind, assignment.swapped(judge, id))
        return page(judge, token, number, id, progress, chosen=values)

    @app.post("/j/{token}/{place}")
    def save(token: str, place: str, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
        judge, number = doors.who("j", token), number_of(place)
        id = forms.item(judge, form)
        if id is None:
            raise HTTPException(404)
        chosen, missing = forms.chosen(form)
        try:
            if missing:
                return page(
                    judge, token, number, id, assignment.look(judge), chosen=chosen, missing=missing, status=422
                )
            assignment.save(judge, id, turned(chosen, items[id].kind, assignment.swapped(judge, id)))
        except NotKeptError:
            return page(judge, token, number, id, None, chosen=chosen, trouble="not saved", status=503)
        return RedirectResponse(f"/j/{token}/{number + 1}", 303)
