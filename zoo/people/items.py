"""Items of a study: the examples that its rules draw, with the replies of every run to them.

Turns alternate and the last of a history is the partner's ("B"): generations.jsonl does not say who spoke.
"""

from collections.abc import Mapping, Sequence

from zoo.errors import UserError
from zoo.metrics.generations import Generation, generations_by_set
from zoo.people.attention import attention_checks
from zoo.people.drawing import drawn
from zoo.people.records import HUMAN, PAIR, REPLY, Item
from zoo.people.study import Study
from zoo.people.synthetic_items import synthetic_items
from zoo.run_record import finished_run

Runs = Mapping[str, Mapping[str, Generation]]  # by row, then by the example's id


def items_of(study: Study) -> list[Item]:
    """Everything that is to be judged: real items, by test set and example, then attention checks.

    Raises:
        UserError: a run is not finished, has no replies, or was not asked what the others were; a rule asks for more
            than there is.
    """
    found = _replies(study) if study.questionnaire.shows in (REPLY, PAIR) else synthetic_items(study)
    return found + attention_checks(study.questionnaire, found, study.checks.number, study.seed)


def _replies(study: Study) -> list[Item]:
    by_run = {row: _generations(row, study) for row in study.runs}
    found: list[Item] = []
    sets: set[str] = set()
    for rule in sorted(study.draw, key=lambda rule: rule.test_set):
        runs = {row: _test_set(by_set, rule.test_set, row, study) for row, by_set in by_run.items()}
        _check_same(runs)
        first = next(iter(runs.values()))
        users = {id: {"user": _user(id, runs)} for id in first}
        name = rule.test_set or next(iter(next(iter(by_run.values()))))  # the only one may have a name, too
        if name in sets:
            raise UserError("draw: two rules draw from the same test set; expected one rule a set.")
        sets.add(name)
        where = f"the test set {name!r} of the runs" if name else "the runs' test set"
        for id in drawn(users, rule, study.seed, where):
            found += _items(id, runs, users[id]["user"], name if len(study.draw) > 1 else "", study)
    return found


def _generations(row: str, study: Study) -> dict[str, dict[str, Generation]]:
    """Rows by test set and id, of all runs of a row together.

    Raises:
        UserError: no finished run, or one without generations; two runs of the row that answered the same example.
    """
    found: dict[str, dict[str, Generation]] = {}
    for run in study.runs[row]:
        try:
            finished_run(run)
            by_set = generations_by_set(run)
        except UserError as error:
            raise UserError(f"The run of {row!r} cannot be judged. {error}") from error
        for name, rows in by_set.items():
            of_set = found.setdefault(name, {})
            if twice := next((one.id for one in rows if one.id in of_set), None):
                raise UserError(
                    f"Two runs of {row!r} both answered the example {twice!r}; expected several runs of a row only "
                    "where each is of other users, or one run."
                )
            of_set.update((one.id, one) for one in rows)
    return found


def _test_set(by_set: Mapping[str, dict[str, Generation]], name: str, row: str, study: Study) -> dict[str, Generation]:
    if not name and len(by_set) == 1:
        return next(iter(by_set.values()))
    if name not in by_set:
        known = ", ".join(map(repr, sorted(by_set))) if set(by_set) != {""} else "one without a name"
        asked = f"the test set {name!r}" if name else "no test set"
        runs = ", ".join(map(str, study.runs[row]))
        raise UserError(
            f"draw: {asked} was named; the run of {row!r}, {runs}, has {known}. Name one in the rule's set:."
        )
    return by_set[name]


def _user(id: str, runs: Runs) -> str:
    """Who answers: as the first run that names users has it; else the persona stands for its user."""
    examples = [examples[id] for examples in runs.values()]
    return next((one.user for one in examples if one.user), " ".join(examples[0].persona))


def _check_same(runs: Runs) -> None:
    """Refuse runs that were not asked the same.

    Raises:
        UserError: names the first difference.
    """
    (one, expected), *others = runs.items()
    for other, given in others:
        if different := sorted(expected.keys() ^ given.keys()):
            having, lacking = (one, other) if different[0] in expected else (other, one)
            raise UserError(
                f"The runs of {one!r} and {other!r} do not match: {having!r} has the example {different[0]!r} and "
                f"{lacking!r} has not. Expected runs that were tested on the same examples of the same data."
            )
        for id in sorted(expected):
            for what in ("history", "persona"):
                if (a := getattr(expected[id], what)) != (b := getattr(given[id], what)):
                    raise UserError(
                        f"The runs of {one!r} and {other!r} do not match: the {what} of the example {id!r} is "
                        f"{_first_difference(a, b)}. Expected runs that were tested on the same examples of the same "
                        "data, with as many turns of the history."
                    )


def _first_difference(a: Sequence[str], b: Sequence[str]) -> str:
    if len(a) != len(b):
        return f"{len(a)} sentences long in one and {len(b)} in the other"
    left, right = next((left, right) for left, right in zip(a, b, strict=True) if left != right)
    return f"{left[:60]!r} in one and {right[:60]!r} in the other"


def _items(id: str, runs: Runs, user: str, group: str, study: Study) -> list[Item]:
    """One of every row; a single one where judges choose."""
    replies = {row: _response(examples[id], row) for row, examples in runs.items()}
    asked = next(iter(runs.values()))[id]
    if study.references:
        if not asked.reference.strip():
            raise UserError(
                f"references: the example {id!r} has no reply of a person, which was to be judged as {HUMAN!r}. "
                "Expected data with replies, or references: false."
            )
        replies[HUMAN] = asked.reference
    if study.questionnaire.shows == PAIR:
        together = [("pair", tuple(replies), tuple(replies.values()))]
    else:
        together = [(row, (row,), (reply,)) for row, reply in replies.items()]
    turns = tuple(("AB"[(len(asked.history) - place) % 2], said) for place, said in enumerate(asked.history))
    return [
        Item(
            id="/".join(filter(None, (row, group, id))),
            kind=study.questionnaire.shows,
            rows=rows,
            texts=texts,
            turns=turns,
            personas=(tuple(asked.persona),) if asked.persona else (),
            example=id,
            user=user,
            group=group,
        )
        for row, rows, texts in together
    ]


def _response(one: Generation, row: str) -> str:
    if one.response is None:
        raise UserError(
            f"The run of {row!r} decoded no reply to the example {one.id!r}: its metrics need none. Test it again by "
            "a protocol that does: python run.py hydra.run.dir=RUN_DIR ckpt_path=best run=[test] protocol=default"
        )
    return one.response
