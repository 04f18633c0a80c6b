"""A validator's pages: /v/TOKEN, what it is about; /v/TOKEN/12, an item; /v/TOKEN/conflicts and one of them.

Items have the same numbers and sides for all validators, who talk about them.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import RedirectResponse

from zoo.errors import UserError
from zoo.people.forms import Forms
from zoo.people.preparation import Prepared
from zoo.people.store import AnsweredError, NotKeptError
from zoo.people.validation import Conflict, Validation
from zoo.people.views import Value, turned, view_of
from zoo.people.web import Doors, Pages, form_of, number_of

_ALL = "validators"  # whose sides they see


def add_validator_pages(app: FastAPI, ready: Prepared, doors: Doors, pages: Pages) -> None:
    """Add them to the application."""
    store, items, study = ready.store, ready.items, ready.study
    validation = Validation(store, items, study.questionnaire, study.seed)
    places, forms = validation.places(), Forms(ready)

    def shown(values: Mapping[str, Value], id: str) -> dict[str, Value]:
        """Values of rows as those of the sides that validators see, and back."""
        return turned(values, items[id].kind, ready.assignment.swapped(_ALL, id))

    def item_at(place: str) -> tuple[int, str]:
        number = number_of(place)
        if not 1 <= number <= len(places):
            raise HTTPException(404)
        return number, places[number - 1]

    def next_place(validator: str, after: int) -> str:
        """The next item that judges judged and this validator did not, around the end; else the conflicts."""
        judged, own = validation.judged(), store.answers_of(validator)
        order = [*range(after, len(places)), *range(after)]
        found = next((n + 1 for n in order if places[n] in judged and places[n] not in own), None)
        return "conflicts" if found is None else str(found)

    def page(validator: str, token: str, number: int, id: str, **more: Any) -> Response:
        judged, own = validation.judged(), store.answers_of(validator)
        before = [n for n in range(1, number) if places[n - 1] in judged]
        return pages.html(
            "item",
            f"/v/{token}",
            more.pop("status", 200),
            item=view_of(items[id], ready.assignment.swapped(_ALL, id)),
            proof=forms.proof(validator, id),
            questions=forms.questions,
            counts={
                name: {shown({name: value}, id)[name]: number for value, number in count.items()}
                for name, count in judged.get(id, {}).items()
            },
            place=number,
            total=len(places),
            done=len(own),
            back=f"/v/{token}/{before[-1]}" if before else f"/v/{token}",
            **{"chosen": {}, "seen": "", "missing": (), "trouble": ""} | more,
        )

    def conflict_page(validator: str, token: str, number: int, one: Conflict, **more: Any) -> Response:
        question = next(question for question in forms.questions if question.name == one.criterion)
        values = [(_name(name, validator), shown({"": value}, one.item)[""]) for name, value in one.values.items()]
        settled = None if one.settled is None else (shown({"": one.settled.value}, one.item)[""], one.settled.how)
        return pages.html(
            "conflict",
            f"/v/{token}",
            more.pop("status", 200),
            item=view_of(items[one.item], ready.assignment.swapped(_ALL, one.item)),
            question=question,
            values=values,
            average=sum(value for _, value in values) / len(values),
            settled=settled,
            place=number,
            **{"chosen": None, "trouble": ""} | more,
        )

    def conflict_at(place: str, question: str) -> tuple[int, Conflict]:
        number, id = item_at(place)
        at = number_of(question)
        name = forms.questions[at].name if at < len(forms.questions) else ""
        found = next((one for one in validation.conflicts() if (one.item, one.criterion) == (id, name)), None)
        if found is None:
            raise HTTPException(404)
        return number, found

    @app.get("/v/{token}")
    def start(token: str) -> Response:
        validator = doors.who("v", token)
        judged = validation.judged()
        return pages.html(
            "validator",
            f"/v/{token}",
            about=study.questionnaire.about,
            judged=len(judged.keys() & set(places)),
            whole=sum(
                sum(next(iter(judged[id].values())).values()) >= study.judges_per_item for id in judged if id in places
            ),
            own=len(store.answers_of(validator)),
            total=len(places),
            go=f"/v/{token}/{next_place(validator, 0)}",
            conflicts=len(validation.conflicts()),
        )

    @app.get("/v/{token}/conflicts")
    def conflicts(token: str) -> Response:
        doors.who("v", token)
        names = [question.name for question in forms.questions]
        number = {id: place for place, id in enumerate(places, 1)}
        found = [
            {
                "place": number[one.item],
                "address": f"/v/{token}/conflicts/{number[one.item]}/{names.index(one.criterion)}",
                "question": next(q.text for q in forms.questions if q.name == one.criterion),
                "settled": one.settled is not None,
            }
            for one in validation.conflicts()
        ]
        return pages.html("conflicts", f"/v/{token}", conflicts=sorted(found, key=lambda one: one["place"]))

    @app.get("/v/{token}/conflicts/{place}/{question}")
    def conflict(token: str, place: str, question: str) -> Response:
        validator = doors.who("v", token)
        return conflict_page(validator, token, *conflict_at(place, question))

    @app.post("/v/{token}/conflicts/{place}/{question}")
    def settle(token: str, place: str, question: str, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
        validator = doors.who("v", token)
        number, one = conflict_at(place, question)
        chosen = forms.chosen(form)[0].get(one.criterion)
        if form.get("how") != "average" and chosen is None:
            return conflict_page(validator, token, number, one, trouble="missing", status=422)
        try:
            value = None if form.get("how") == "average" or chosen is None else shown({"": chosen}, one.item)[""]
            validation.settle(one.item, one.criterion, value)
        except NotKeptError:
            return conflict_page(validator, token, number, one, chosen=chosen, trouble="not saved", status=503)
        except UserError:
            pass  # the other one just corrected an answer: there is nothing to settle any more
        return RedirectResponse(f"/v/{token}/conflicts", 303)

    @app.get("/v/{token}/{place}")
    def show(token: str, place: str) -> Response:
        validator = doors.who("v", token)
        number, id = item_at(place)
        if id not in validation.judged():
            return RedirectResponse(f"/v/{token}", 303)
        values = shown(store.answers_of(validator).get(id, {}), id)
        return page(validator, token, number, id, chosen=values, seen=forms.told(values))

    @app.post("/v/{token}/{place}")
    def save(token: str, place: str, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
        validator = doors.who("v", token)
        number, id = item_at(place)
        if forms.item(validator, form) != id:
            raise HTTPException(404)
        chosen, missing = forms.chosen(form)
        seen = forms.seen(form)
        known = {"chosen": chosen, "seen": forms.told(seen or {})}
        if missing:
            return page(validator, token, number, id, **known, missing=missing, status=422)
        try:
            store.save(validator, id, shown(chosen, id), seen=None if seen is None else shown(seen, id))
        except NotKeptError:
            return page(validator, token, number, id, **known, trouble="not saved", status=503)
        except AnsweredError:
            known["seen"] = forms.told(shown(store.answers_of(validator).get(id, {}), id))
            return page(validator, token, number, id, **known, trouble="answered", status=409)
        return RedirectResponse(f"/v/{token}/{next_place(validator, number)}", 303)


def _name(name: str, own: str) -> str:
    return "You" if name == own else name.replace("validator-", "Validator ")
