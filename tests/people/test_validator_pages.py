"""Two validators look again, by themselves, and settle where they differ."""

import re
from pathlib import Path
from threading import Thread

import pytest

from tests.people.judging import Visit, checked, no_space
from zoo.people.records import Decision
from zoo.people.validation import Conflict, Validation


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """Two judges have judged three replies; two validators are to look at them."""
    found = Visit(tmp_path, ["a"], users=1, each=3, questionnaire="personapkt", validators=2)
    for judge, fluency in (("judge-1", 4), ("judge-2", 5)):
        page = found.page(judge, 1)
        for place in (1, 2, 3):
            page = found.send(judge, place, page.text, fluency=fluency, consistency=1)
    return found


def counts(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="count">(\d+)<', page)]


def test_they_see_counts_and_not_each_other_until_both_answered(visit: Visit) -> None:
    assert "3 of 3 items were judged" in visit.page("validator-1").text
    page = visit.page("validator-1", 1)
    assert counts(page.text) == [0, 0, 0, 1, 1, 0, 0, 2]
    visit.send("validator-1", 1, page.text, fluency=2, consistency=-1)
    assert "There are none" in visit.page("validator-1", "conflicts").text
    other = visit.page("validator-2", 1)
    assert counts(other.text) == [0, 0, 0, 1, 1, 0, 0, 2], "the first validator is no judge"
    assert checked(other.text) == {}
    visit.send("validator-2", 1, other.text, fluency=5, consistency=-1)
    for who in ("validator-1", "validator-2"):
        conflicts = visit.page(who, "conflicts").text
        assert conflicts.count("Item 1</a>") == 1, "they differ in fluency alone"
    page = visit.page("validator-1", "conflicts/1/0").text
    assert re.search(r"You: <strong>2</strong>", page)
    assert re.search(r"Validator 2: <strong>5</strong>", page)


def test_of_three_validators_all_must_have_answered(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"], users=1, each=1, judges_per_item=1, questionnaire="personapkt", validators=3)
    visit.send("judge-1", 1, visit.page("judge-1", 1).text)
    for who, fluency in (("validator-1", 2), ("validator-2", 5)):
        visit.send(who, 1, visit.page(who, 1).text, fluency=fluency)
    assert "There are none" in visit.page("validator-2", "conflicts").text
    visit.send("validator-3", 1, visit.page("validator-3", 1).text, fluency=5)
    assert "Take the average: 4" in visit.page("validator-2", "conflicts/1/0").text


def test_they_settle_by_discussion_or_the_average(visit: Visit) -> None:
    for who, values in (("validator-1", (2, -1)), ("validator-2", (5, 1))):
        page = visit.page(who, 1)
        visit.send(who, 1, page.text, fluency=values[0], consistency=values[1])
    address = visit.links["validator-2"] + "/conflicts/1/"
    item = next(one.item for one in visit.ready.store.judgements() if one.role == "validator")
    unsure = visit.client.post(address + "0", data={"how": "discussion"})
    assert unsure.status_code == 422
    visit.client.post(address + "0", data={"how": "discussion", "q-fluency": "4"})
    done = visit.client.post(address + "1", data={"how": "average"})
    assert done.text.count(">settled<") == 2
    assert visit.ready.store.decisions() == [
        Decision(item, "consistency", 0.0, "average"),
        Decision(item, "fluency", 4.0, "discussion"),
    ]
    assert "Settled: 4, by discussion" in visit.page("validator-1", "conflicts/1/0").text

    page = visit.page("validator-1", 1)
    assert checked(page.text) == {"fluency": 2, "consistency": -1}
    visit.send("validator-1", 1, page.text, fluency=5, consistency=-1)
    assert visit.page("validator-2", "conflicts").text.count("Item 1</a>") == 1, "they agree on fluency now"
    assert visit.ready.store.decisions() == [Decision(item, "consistency", 0.0, "average")]
    assert visit.page("validator-2", "conflicts/1/0").status_code == 404


def test_a_correction_while_they_settle_is_not_lost(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    for who, fluency in (("validator-1", 2), ("validator-2", 5)):
        visit.send(who, 1, visit.page(who, 1).text, fluency=fluency)
    store = visit.ready.store
    validation = Validation(store, visit.ready.items, visit.ready.study.questionnaire, visit.ready.study.seed)
    (one,) = validation.conflicts()
    correction = Thread(target=store.save, args=("validator-1", one.item, {"fluency": 5}))

    def conflicts() -> list[Conflict]:
        correction.start()
        correction.join(0.3)
        return [one]

    monkeypatch.setattr(validation, "conflicts", conflicts)
    validation.settle(one.item, "fluency", None)
    correction.join()
    assert store.decisions() == [], "they agree now"


def test_a_second_window_of_a_validator_replaces_nothing_unasked(visit: Visit) -> None:
    first, second = visit.page("validator-1", 1).text, visit.page("validator-1", 1).text
    visit.send("validator-1", 1, first, fluency=2)
    other = visit.send("validator-1", 1, second, fluency=4)
    assert other.status_code == 409
    assert checked(visit.page("validator-1", 1).text)["fluency"] == 2
    assert visit.send("validator-1", 1, other.text, fluency=4).status_code == 200
    assert checked(visit.page("validator-1", 1).text)["fluency"] == 4


def test_a_full_disk_settles_nothing(visit: Visit) -> None:
    for who, fluency in (("validator-1", 2), ("validator-2", 5)):
        visit.send(who, 1, visit.page(who, 1).text, fluency=fluency)
    page = visit.page("validator-1", 2)
    address = visit.links["validator-1"] + "/conflicts/1/0"
    with no_space():
        item = visit.send("validator-1", 2, page.text, fluency=3)
        decision = visit.client.post(address, data={"how": "discussion", "q-fluency": "3"})
    assert (item.status_code, decision.status_code) == (503, 503)
    assert "NOT saved" in item.text
    assert "NOT saved" in decision.text
    assert checked(item.text)["fluency"] == checked(decision.text)["fluency"] == 3
    assert visit.ready.store.decisions() == []


def test_a_choice_means_the_same_reply_to_both(tmp_path: Path) -> None:
    visit = Visit(tmp_path, users=1, each=8, questionnaire="personachatgen_choice", judges_per_item=1, validators=2)
    for place in range(1, 9):
        visit.send("judge-1", place, visit.page("judge-1", place).text, preference=1)
    for place in range(1, 9):
        pages = {who: visit.page(who, place).text for who in ("validator-1", "validator-2")}
        replies = [re.findall(r'<p class="said" dir="auto">(.*?)</p>', page) for page in pages.values()]
        assert replies[0] == replies[1], "on the same sides"
        visit.send("validator-1", place, pages["validator-1"], preference=1)
        visit.send("validator-2", place, pages["validator-2"], preference=-1)
        visit.client.post(f"{visit.links['validator-1']}/conflicts/{place}/0", data={"how": "x", "q-preference": "1"})
        page = visit.page("validator-2", f"conflicts/{place}/0").text
        assert "Settled: 1," in page
        text = next(one for one in visit.ready.items.values() if one.texts[0] in replies[0])
        decision = next(one for one in visit.ready.store.decisions() if one.item == text.id)
        assert decision.value == (1 if text.texts[0] == replies[0][0] else -1)
    assert {one.value for one in visit.ready.store.decisions()} == {1.0, -1.0}
