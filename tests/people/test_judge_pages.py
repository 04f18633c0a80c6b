"""A judge's and the owner's pages, asked as a browser asks them: a real application on a real file."""

import html
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.people.judging import Visit, checked, examples, item_code, no_space, write_run
from zoo.people.preparation import prepare
from zoo.people.server import study_app

NASTY = [
    "<script>document.title='run'</script>",
    '<a href="https://example.org/">click</a> [or](https://example.org/) https://example.org/',
    "x" * 5000,
    "\u05e9\u05dc\u05d5\u05dd \u202e\u05e2\u05d5\u05dc\u05dd &amp; {{ 7 * 7 }}",
    "half a surrogate \ud800, a null \x00, **bold** <b>bold</b>",
    "",
]


def test_a_judge_judges_all_and_can_go_back(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"], users=1, each=3, judges_per_item=1)
    start = visit.page("judge-1").text
    assert "up to 3 items" in start
    assert "Is the response fluent?" in start
    page = visit.page("judge-1", 1)
    for place in (1, 2, 3):
        assert f"{place} of 3" in page.text
        page = visit.send("judge-1", place, page.text, fluency=place)
    assert "Thank you" in page.text
    assert page.url.path.endswith("/end")
    assert sorted(values["fluency"] for values in visit.saved().values()) == [1, 2, 3]

    again = visit.page("judge-1", 2).text
    assert checked(again) == {"fluency": 2, "informativeness": 1, "relevance": 1, "persona_consistency": -1}
    assert f'href="{visit.links["judge-1"]}/1"' in again, "back"
    visit.send("judge-1", 2, again, fluency=5)
    assert sorted(values["fluency"] for values in visit.saved().values()) == [1, 3, 5]
    assert "You have judged 3." in visit.page("judge-1").text


def test_what_is_missing_is_asked_for_again(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"])
    page = visit.page("judge-1", 1).text
    answer = visit.send("judge-1", 1, page, "relevance", fluency=4, informativeness=2, persona_consistency=1)
    assert answer.status_code == 422
    assert "Nothing is saved yet." in answer.text
    assert answer.text.count("Please choose one.") == 1
    assert checked(answer.text) == {"fluency": 4, "informativeness": 2, "persona_consistency": 1}
    assert visit.saved() == {}
    strange = visit.send("judge-1", 1, page, fluency=9)
    assert strange.status_code == 422, "no option of the scale"
    assert visit.send("judge-1", 1, answer.text, fluency=4).url.path.endswith("/2")


def test_a_double_click_and_a_second_window_count_once(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"])
    first, second = visit.page("judge-1", 1).text, visit.page("judge-1", 1).text
    assert item_code(first) == item_code(second), "both windows have the same item"
    for page in (first, first, second):
        assert visit.send("judge-1", 1, page, fluency=3).url.path.endswith("/2")
    other = visit.send("judge-1", 1, second, fluency=2)
    assert other.status_code == 409
    assert "got another answer after this page was opened" in other.text
    assert checked(other.text)["fluency"] == 2, "the choice is kept on the page"
    assert [values["fluency"] for values in visit.saved().values()] == [3]
    assert visit.send("judge-1", 1, other.text, fluency=2).url.path.endswith("/2"), "told, the judge may replace it"
    assert [values["fluency"] for values in visit.saved().values()] == [2]
    assert len({item_code(visit.page("judge-1", 2).text) for _ in range(2)}) == 1


def test_nobody_jumps_ahead_or_judges_what_was_not_shown(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"])
    assert visit.page("judge-1", 5).url.path.endswith("/1")
    assert visit.page("judge-1", "end").url.path == visit.links["judge-1"]
    others = visit.page("judge-2", 1).text
    assert visit.send("judge-1", 1, others).status_code == 404
    for wrong in ("x", "1e9", "-1", "9" * 30, "²"):
        assert visit.page("judge-1", wrong).status_code == 404
    assert visit.saved() == {}


def test_without_a_link_nothing_is_there(tmp_path: Path) -> None:
    visit = Visit(tmp_path, title="Secret title", validators=1)
    tokens = {name: path.split("/")[2] for name, path in visit.links.items()}
    wrong = "0" * 40
    addresses = ["/", "/docs", "/openapi.json", "/j", "/j/", "/style.css", "/owner", f"/j/{tokens['judge-1']}x"]
    addresses += [f"/{place}/{wrong}{rest}" for place in ("j", "v", "owner") for rest in ("", "/1", "/style.css")]
    addresses += [f"/owner/{tokens['judge-1']}", f"/v/{tokens['judge-1']}", f"/j/{tokens['owner']}/1"]
    addresses += [f"/j/{tokens['validator-1']}", f"/v/{tokens['validator-1']}/conflicts/1/0", "/j/é/1"]
    for address in addresses:
        answer = visit.client.get(address)
        assert answer.status_code == 404, address
        assert "Secret" not in answer.text
    assert visit.client.post(f"/j/{wrong}/1", data={"item": "x"}).status_code == 404
    assert visit.client.post(f"/j/{tokens['owner']}/1", data={"item": "x"}).status_code == 404
    assert visit.client.get(f"/j/{tokens['judge-1']}/../../etc.css").status_code == 404


def test_headers_keep_a_page_to_itself(tmp_path: Path) -> None:
    visit = Visit(tmp_path)
    for answer in (visit.page("judge-1", 1), visit.page("judge-1", "style.css"), visit.client.get("/nowhere")):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert not re.search(r"style=|onclick|<script>|https?://", visit.page("judge-1", 1).text)
    long = visit.client.post(f"{visit.links['judge-1']}/1", data={"item": "x" * 70_000})
    assert long.status_code == 413


@pytest.mark.parametrize("questionnaire", ["paa", "personachatgen_choice"])
def test_no_page_tells_which_run_made_a_reply(questionnaire: str, tmp_path: Path) -> None:
    rows = ["zebra_model", "quokka_model"]
    visit = Visit(
        tmp_path, rows, users=1, each=2, judges_per_item=1, questionnaire=questionnaire, validators=1,
        checks={"number": 1, "allowed": 0},
    )  # fmt: skip
    seen = visit.page("judge-1").text
    place, page = 1, visit.page("judge-1", 1)
    while "Thank you" not in page.text:
        seen += page.text + str(page.url) + str(page.headers)
        page = visit.send("judge-1", place, page.text)
        place += 1
    seen += page.text + visit.page("validator-1").text + visit.page("validator-1", 1).text
    for name in (*rows, *visit.ready.items, *(item.example for item in visit.ready.items.values())):
        assert name not in seen, name


def test_a_choice_is_of_the_row_whichever_side_it_was_on(tmp_path: Path) -> None:
    visit = Visit(tmp_path, users=4, each=4, judges_per_item=1, questionnaire="personachatgen_choice")
    page = visit.page("judge-1", 1)
    sides = set()
    for place in range(1, 17):
        id = visit.ready.assignment.look("judge-1").places[place - 1]
        first, second = (html.escape(text) for text in visit.ready.items[id].texts)
        is_first_above = page.text.index(first) < page.text.index(second)
        sides.add(is_first_above)
        page = visit.send("judge-1", place, page.text, preference=1 if is_first_above else -1)
        assert visit.saved()["judge-1", id] == {"preference": 1}
        assert checked(visit.page("judge-1", place).text) == {"preference": 1 if is_first_above else -1}
    assert sides == {True, False}


def test_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    rows = [
        replace(one, response=text, history=[text], persona=[text])
        for one, text in zip(examples("a", 1, len(NASTY)), NASTY, strict=True)
    ]
    run = write_run(tmp_path / "run", rows)
    visit = Visit(tmp_path, runs={"a": str(run)}, judges_per_item=1, title="<i>Title</i>")
    page, seen = visit.page("judge-1", 1), []
    for place in range(1, len(NASTY) + 1):
        assert "<script>" not in page.text
        assert '<a href="https' not in page.text
        assert "<i>" not in page.text
        seen.append(html.unescape(page.text))
        page = visit.send("judge-1", place, page.text)
    assert "Thank you" in page.text
    everything = "".join(seen)
    for text in NASTY[:4]:
        assert everything.count(text) == 3, "in the persona, the conversation and the reply"
    assert "half a surrogate \N{REPLACEMENT CHARACTER}, a null \N{REPLACEMENT CHARACTER}, **bold** <b>" in everything
    assert "(It is empty.)" in everything


def test_a_full_disk_saves_nothing_and_keeps_the_form(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"], validators=1)
    page = visit.page("judge-1", 1).text
    with no_space():
        answer = visit.send("judge-1", 1, page, fluency=4, persona_consistency=1)
        looked = visit.page("judge-1", 1)
        began = visit.page("judge-2", 1)
    assert answer.status_code == 503
    assert "Your answer was NOT saved." in answer.text
    assert checked(answer.text) == {"fluency": 4, "informativeness": 1, "relevance": 1, "persona_consistency": 1}
    assert (looked.status_code, began.status_code) == (200, 503)
    assert "not available at this moment" in began.text, "an item could not be handed out"
    assert visit.saved() == {}
    assert visit.send("judge-1", 1, answer.text, fluency=4).url.path.endswith("/2"), "the same form, once there is room"
    assert len(visit.saved()) == 1


def test_a_file_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others than us
        folder = Path(name)
        visit = Visit(folder / "study", ["a"])
        page = visit.page("judge-1", 1).text
        for path in (folder, folder / "study"):
            path.chmod(0o555)
        visit.ready.store.file.chmod(0o444)
        us = os.geteuid()
        if us == 0:
            os.seteuid(65534)  # the administrator may write everywhere
        try:
            answer = visit.send("judge-1", 1, page, fluency=3)
        finally:
            if us == 0:
                os.seteuid(us)
            for path in (folder, folder / "study"):
                path.chmod(0o755)
            visit.ready.store.file.chmod(0o600)
        assert answer.status_code == 503
        assert "NOT saved" in answer.text
        assert checked(answer.text)["fluency"] == 3
        assert visit.saved() == {}


def test_the_owner_sees_how_far_everybody_is(tmp_path: Path) -> None:
    visit = Visit(tmp_path, ["a"], users=1, each=3, checks={"number": 1, "allowed": 0}, judges=3)
    page = visit.page("judge-2", 1)
    for place in range(1, 5):
        id = visit.ready.assignment.look("judge-2").places[place - 1]
        expected = visit.ready.items[id].expected
        wrong = {name: next(v for v in (1, 5, 0) if v not in values) for name, values in expected.items()}
        wrong = {name: 1 if name == "persona_consistency" and -1 in expected[name] else wrong[name] for name in wrong}
        page = visit.send("judge-2", place, page.text, **wrong)
    owner = visit.page("owner").text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", owner))
    assert "judge-2 4 of 4 1 (left out)" in text
    assert "judge-1 0 of 4 0 http://testserver/j/" in text
    assert "3 of 6 judgements" in text
    for name, link in visit.links.items():
        assert name == "owner" or f"<code>http://testserver{link}</code>" in owner


def test_the_same_links_after_a_restart_and_more_judges(tmp_path: Path) -> None:
    first = Visit(tmp_path, ["a"])
    page = first.page("judge-1", 1).text
    first.send("judge-1", 1, page, fluency=2)
    again = prepare(first.ready.study, tmp_path / "answers.sqlite", 4)
    links = {name: urlsplit(link).path for name, link in again.links("http://testserver").items()}
    assert {name: links[name] for name in first.links} == first.links
    assert again.names == ["judge-1", "judge-2", "judge-3", "judge-4"]
    client = TestClient(study_app(again), follow_redirects=True)
    assert checked(client.get(links["judge-1"] + "/1").text)["fluency"] == 2
    assert client.get(links["judge-1"] + "/9").url.path.endswith("/2")
