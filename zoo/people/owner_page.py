"""The owner's page: /owner/TOKEN, everybody's link and how far they are."""

from collections import Counter
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response

from zoo.people.preparation import OWNER, Prepared
from zoo.people.records import JUDGE
from zoo.people.results.answers import answers_of
from zoo.people.validation import Validation
from zoo.people.web import Doors, Pages


@dataclass(frozen=True, slots=True)
class Row:
    """One judge or validator; `failed` counts checks, None for validators, who see none."""

    name: str
    link: str
    done: int
    total: int
    failed: int | None
    out: bool


def add_owner_page(app: FastAPI, ready: Prepared, doors: Doors, pages: Pages) -> None:
    """Add it to the application."""
    store, items, study = ready.store, ready.items, ready.study
    validation = Validation(store, items, study.questionnaire, study.seed)

    @app.get("/owner/{token}")
    def owner(token: str, request: Request) -> Response:
        doors.who(OWNER, token)
        links = ready.links(str(request.base_url).rstrip("/"))
        judgements = store.judgements()
        records = {
            one.name: one
            for one in answers_of(items, judgements, roles=ready.judges, allowed=study.checks.allowed).judges
        }
        judged = {(one.item, one.judge) for one in judgements if one.role == JUDGE and not items[one.item].expected}
        per_item = Counter(item for item, _ in judged)
        done = Counter(who for _, who in {(one.item, one.judge) for one in judgements})
        rows = [
            Row(
                name,
                links[name],
                done[name],
                ready.assignment.look(name).total if is_judge else len(ready.assignment.real),
                records[name].failed if is_judge and ready.assignment.checks else None,
                records[name].excluded,
            )
            for name in ready.names
            for is_judge in [ready.judges[name] == JUDGE]
        ]
        conflicts = validation.conflicts()
        return pages.html(
            "owner",
            f"/owner/{token}",
            rows=rows,
            given=len(judged),
            wanted=ready.wanted,
            whole=sum(count >= study.judges_per_item for count in per_item.values()),
            items=len(ready.assignment.real),
            per_item=study.judges_per_item,
            checks=len(ready.assignment.checks),
            allowed=study.checks.allowed,
            validators=study.validators,
            conflicts=len(conflicts),
            settled=sum(one.settled is not None for one in conflicts),
            file=str(store.file),
        )
