"""Words on the page are words, and every persona sentence has its verdict."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.scorers.conftest import classifier  # noqa: F401  (a fixture)
from zoo.people.chat.agreement import scorer_of, verdicts
from zoo.people.chat.conversation import Turn
from zoo.people.chat.shown import note, transcript, words
from zoo.people.chat.start import Start

NASTY = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![](http://a.example/b)",
    "${alert(1)} {{value}} `x` \\u003cb\\u003e", "\" onmouseover='alert(1)", "&lt;b&gt; &amp;", "w" * 5000,
    "مرحبا שלום \u202e fdp.exe", "line\nline", "日本\u3000語 ?\xa0!", "\x00\x1b[31m",
]  # fmt: skip
OURS = {"div", "details", "summary", "ul", "li", "b", "i", "span"}


class Elements(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def turn(speaker: str, text: str, user: str = "") -> Turn:
    return Turn(speaker, text, [text], user, 0, {}, "run", {})


@pytest.mark.parametrize("text", NASTY)
def test_every_text_is_shown_as_it_is(text: str) -> None:
    found = verdicts(scorer_of(None), text, [text])
    page = transcript([turn("partner", text), turn("responder", text, text)], {1: found}, (text, text), text) + note(
        text
    )
    read = Elements(page)
    assert read.elements <= OURS
    assert read.attributes <= {"class", "dir", "role", "aria-live", "tabindex", "title"}
    shown = text.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert read.text.count(shown) == 8
    assert not set("${}`\\") & set(words(text)), "Gradio's templates find nothing to fill in"


def test_a_verdict_for_every_sentence() -> None:
    persona = ["i have two dogs .", "i hate music .", "i live in lima ."]
    found = verdicts(scorer_of(None), "i have two dogs and i love music .", persona)
    assert [verdict.label for verdict in found] == ["entailment", "contradiction", "neutral"]
    assert all(verdict.probability > 1 / 3 for verdict in found)
    assert verdicts(scorer_of(None), " ", persona) == []
    said = Turn("responder", "x", persona, "", 0, {}, "run", {})
    page = Elements(transcript([said], {0: found}, None, "run")).text
    assert "agrees with 1, contradicts 1 of 3 persona sentences" in page
    assert "agrees i have two dogs" in page


def test_an_nli_model_says_it_instead(classifier: Path) -> None:  # noqa: F811
    start = Start(scorer=classifier)
    scorer = start.nli()
    found = verdicts(scorer, "i like tea .", ["i like tea .", "i hate tea ."])
    best = scorer.score([("i like tea .", verdict.sentence) for verdict in found]).max(dim=-1).values
    assert [verdict.probability for verdict in found] == pytest.approx(best.tolist())
    assert scorer.short in Elements(start.told(scorer)).text


def test_names_are_the_speakers_of_their_turns() -> None:
    page = Elements(transcript([turn("partner", "hi"), turn("responder", "", "anna")], {}, None, "bo")).text
    assert page == "youhianna(nothing)"
    assert "bo" in Elements(transcript([], {}, ("hi", ""), "bo")).text
