"""A judge's pages: /j/TOKEN, what it is about; /j/TOKEN/12, the judge's twelfth item; /j/TOKEN/end, thanks."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import RedirectResponse

from zoo.people.assignment import Progress
from zoo.people.forms import Forms
from zoo.people.preparation import Prepared
from zoo.people.store import AnsweredError, NotKeptError
from zoo.people.views import turned, view_of
from zoo.people.web import Doors, Pages, form_of, number_of


def add_judge_pages(app: FastAPI, ready: Prepared, doors: Doors, pages: Pages) -> None:
    """Add them to the application."""
    store, assignment, items = ready.store, ready.assignment, ready.items
    forms = Forms(ready)

    def own(judge: str, id: str) -> dict[str, int]:
        """The judge's answers to an item, as sides are shown."""
        return turned(store.answers_of(judge).get(id, {}), items[id].kind, assignment.swapped(judge, id))

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
            **{"chosen": {}, "seen": "", "missing": (), "trouble": ""} | more,
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
        values = own(judge, id)
        return page(judge, token, number, id, progress, chosen=values, seen=forms.told(values))

    @app.post("/j/{token}/{place}")
    def save(token: str, place: str, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
        judge, number = doors.who("j", token), number_of(place)
        id = forms.item(judge, form)
        if id is None:
            raise HTTPException(404)
        chosen, missing = forms.chosen(form)
        seen, side = forms.seen(form), (items[id].kind, assignment.swapped(judge, id))
        known = {"chosen": chosen, "seen": forms.told(seen or {})}
        try:
            if missing:
                return page(judge, token, number, id, assignment.look(judge), **known, missing=missing, status=422)
            before = None if seen is None else turned(seen, *side)
            assignment.save(judge, id, turned(chosen, *side), seen=before)
        except NotKeptError:
            return page(judge, token, number, id, None, **known, trouble="not saved", status=503)
        except AnsweredError:
            known["seen"] = forms.told(own(judge, id))
            return page(judge, token, number, id, assignment.look(judge), **known, trouble="answered", status=409)
        return RedirectResponse(f"/j/{token}/{number + 1}", 303)
