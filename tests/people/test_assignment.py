"""Who gets what: balance, distance, sides, and what happens when somebody walks away."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from zoo.people.assignment import PATIENCE, Assignment, next_item
from zoo.people.records import Item
from zoo.people.store import StudyStore


def begun(folder: Path, judges: int, rows: str = "abc", examples: int = 8, checks: int = 0) -> StudyStore:
    store = StudyStore(folder / "study.sqlite")
    items = [Item(f"{row}/{n}", "reply", (row,), ("hi",), example=str(n)) for n in range(examples) for row in rows]
    items += [
        Item(f"check/{n}", "reply", ("check",), ("x",), example=str(n), expected={"fluency": (1,)})
        for n in range(checks)
    ]
    store.begin("study", items, {f"judge-{n}": "judge" for n in range(judges)})
    return store


def assigned(store: StudyStore, per_item: int, per_judge: int | None = None, seed: int = 1) -> Assignment:
    return Assignment(store, store.items(), per_item, per_judge, len(store.judges()), seed)


def judge_all(assignment: Assignment, order: random.Random) -> dict[str, tuple[str, ...]]:
    """Judges come as they like until nothing is left."""
    going = list(assignment.store.judges())
    while going:
        judge = order.choice(going)
        progress = assignment.open(judge)
        if progress.current is None:
            going.remove(judge)
        else:
            assignment.store.save(judge, progress.places[progress.current - 1], {"fluency": 3})
    return {judge: assignment.look(judge).places for judge in assignment.store.judges()}


@pytest.mark.parametrize(
    ("judges", "per_item", "per_judge"), [(3, 3, None), (5, 2, None), (6, 2, 11), (5, 3, 18), (1, 1, None)]
)
def test_every_item_is_judged_by_so_many(judges: int, per_item: int, per_judge: int | None, tmp_path: Path) -> None:
    store = begun(tmp_path, judges, checks=3)
    places = judge_all(assigned(store, per_item, per_judge), random.Random(5))
    counts = Counter(id for given in places.values() for id in given if not id.startswith("check"))
    assert set(counts.values()) == {per_item}
    assert len(counts) == 24
    for given in places.values():
        assert len(set(given)) == len(given), "nobody gets an item twice"
        assert {id for id in given if id.startswith("check")} == {"check/0", "check/1", "check/2"}
        assert len(given) <= (per_judge or 27)


@pytest.mark.parametrize(
    ("judges", "examples", "per_item", "per_judge"), [(10, 20, 5, 10), (5, 10, 4, 8), (9, 15, 3, 5)]
)
def test_it_comes_out_even_where_no_judge_has_one_to_spare(
    judges: int, examples: int, per_item: int, per_judge: int, tmp_path: Path
) -> None:
    store = begun(tmp_path, judges, "a", examples)
    places = judge_all(assigned(store, per_item, per_judge), random.Random(2))
    assert {len(given) for given in places.values()} == {per_judge}
    assert set(Counter(id for given in places.values() for id in given).values()) == {per_item}


def test_while_it_goes_on_no_item_is_far_ahead(tmp_path: Path) -> None:
    assignment = assigned(begun(tmp_path, 4), 4)
    order = random.Random(0)
    for step in range(60):
        judge = f"judge-{order.randrange(4)}"
        progress = assignment.open(judge)
        assignment.store.save(judge, progress.places[progress.current - 1], {"fluency": 1})
        counts = Counter(one.item for one in assignment.store.judgements())
        if step >= 24:
            assert max(counts.values()) - min(counts.values()) <= 2


@pytest.mark.parametrize("rows", ["ab", "abcd"])
def test_replies_to_one_example_do_not_meet(rows: str, tmp_path: Path) -> None:
    for seed in range(4):
        store = begun(tmp_path / str(seed), 2, rows, examples=3, checks=2)
        for given in judge_all(assigned(store, 2, seed=seed), random.Random(seed)).values():
            examples = [None if id.startswith("check") else id.split("/")[1] for id in given]
            assert all(a != b for a, b in pairwise(examples)), given


def test_distance_goes_before_balance(tmp_path: Path) -> None:
    assignment = assigned(begun(tmp_path, 2, "ab", examples=3), 2)
    for item in ("a/1", "b/1", "a/2", "b/2"):
        assignment.store.save("judge-1", item, {"fluency": 1})
    [first] = assignment.open("judge-0").places
    assert first.endswith("/0"), "what nobody has"
    assignment.save("judge-0", first, {"fluency": 1})
    assert not assignment.open("judge-0").places[1].endswith("/0"), "not the other reply to it, which nobody has"


def test_orders_and_sides_are_of_the_judge_and_the_seed(tmp_path: Path) -> None:
    def orders(name: str, seed: int) -> dict[str, tuple[str, ...]]:
        return judge_all(assigned(begun(tmp_path / name, 2), 2, seed=seed), random.Random(1))

    first = orders("first", 1)
    assert first == orders("again", 1)
    assert first["judge-0"] != first["judge-1"]
    assert first != orders("other", 2)
    assignment = assigned(begun(tmp_path, 2, examples=100), 2)
    sides = [assignment.swapped("judge-0", id) for id in assignment.items]
    assert sides == [assignment.swapped("judge-0", id) for id in assignment.items]
    assert 100 < sum(sides) < 200
    assert sides != [assignment.swapped("judge-1", id) for id in assignment.items]


def test_checks_are_spread(tmp_path: Path) -> None:
    store = begun(tmp_path, 3, examples=8, checks=3)  # 24 real items
    for given in judge_all(assigned(store, 3), random.Random(1)).values():
        at = [place for place, id in enumerate(given) if id.startswith("check")]
        assert [place // 9 for place in at] == [0, 1, 2]
        assert at[0] > 0


def test_who_walks_away_gives_the_item_back_and_may_return(tmp_path: Path) -> None:
    assignment = assigned(begun(tmp_path, 2, "a", examples=1), 1)
    assert assignment.open("judge-0", now=0).places == ("a/0",)
    assert assignment.open("judge-1", now=PATIENCE - 1).places == (), "it is still the first one's"
    assert assignment.open("judge-1", now=PATIENCE + 1).places == ("a/0",)
    assignment.store.save("judge-1", "a/0", {"fluency": 1})
    assert assignment.open("judge-0", now=PATIENCE + 2).places == (), "enough have judged it"


def test_who_returns_before_another_took_it_goes_on(tmp_path: Path) -> None:
    assignment = assigned(begun(tmp_path, 2, "a", examples=1), 1)
    assert assignment.open("judge-0", now=0).places == ("a/0",)
    assert assignment.open("judge-0", now=3 * PATIENCE).places == ("a/0",)
    assert assignment.open("judge-1", now=3 * PATIENCE + 1).places == (), "looking again took it anew"


def test_windows_and_judges_at_once_get_one_item_each(tmp_path: Path) -> None:
    assignment = assigned(begun(tmp_path, 8, "a", examples=8), 1)
    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(lambda n: assignment.open(f"judge-{n % 8}").places, range(32)))
    assert all(len(places) == 1 for places in given)
    assert len(set(given)) == 8, "one item each, the same in all of a judge's windows"


def test_the_next_item_is_what_the_fewest_have() -> None:
    def choose(left: dict[str, int], before: str = "") -> str | None:
        return next_item(left, before, lambda id: id[0], lambda id: ord(id[1]))

    assert choose({"a1": 2, "b1": 1, "c1": 3}) == "b1"
    assert choose({"a1": 1, "b1": 1, "b0": 1}, before="a") == "b0"
    assert choose({"a1": 0, "b1": 1}, before="a") == "b1"
    assert choose({"a1": 0}, before="a") == "a1", "nothing else is left"
    assert choose({"a1": 0, "b1": 5, "b2": 5}) == "b1", "or its two would meet at the end"
    assert choose({}) is None
