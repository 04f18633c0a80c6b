"""Replies side by side: of whom, of which dialogues, as whose, and with texts that are no markup."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evidence.conftest import FEW, REGULAR, persona
from zoo.evidence.__main__ import main
from zoo.evidence.examples import choose
from zoo.metrics.generations import Generation, read_generations, write_generations

ODD = "[/bold] a|b *c*\nd $e$ <f>"


def row(user: str, number: int, response: str | None, test_set: str = "") -> Generation:
    """Turn `number` of a user's dialogue."""
    history = [f"{user} says {turn}" for turn in range(number)]
    return Generation(f"{test_set}{user}/{number}", user, [f"i am {user} ."], history, "the human", response, 1.0, 1)


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Two runs: the first with test sets B and C, the second with B's users alone, whose ids carry no set."""
    first, second = tmp_path / "base", tmp_path / "other"
    write_generations(
        first / "generations_B.jsonl", [row("ann", n, f"first {n}", "B/") for n in range(8)] + [row("", 1, "x", "B/")]
    )
    write_generations(first / "generations_C.jsonl", [row("cem", n, "c", "C/") for n in range(2)])
    write_generations(
        second / "generations.jsonl", [row("ann", n, f"second {n}") for n in range(8)] + [row("", 1, "x")]
    )
    return [str(first), str(second)]


def test_of_whom_and_what(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["examples", *runs, "--number", "4", "--turns", "2", "--out", str(tmp_path)]
    assert main(arguments) == 0
    page, printed = (tmp_path / "examples.md").read_text(), capsys.readouterr().out
    assert page.startswith("# Replies to ann\n\nPersona:\n\n- i am ann .\n\n## B/ann/")
    turns = [int(number) for number in re.findall(r"\| base \| first (\d) \|", page)]
    assert turns == sorted(set(turns))
    assert len(turns) == 4
    for n in turns:
        said = [f"- ann says {turn}" for turn in range(n)][-2:] or ["- (the dialogue begins here)"]
        earlier = [f"- ({n - 2} earlier)"] if n > 2 else []
        expected = [f"## B/ann/{n}", "", *earlier, *said, "", "| | reply |", "|---|---|", "| **human** | the human |"]
        assert "\n".join([*expected, f"| base | first {n} |", f"| other | second {n} |"]) in page
        assert f"second {n}" in printed
    assert main([*arguments, "--seed", "1"]) == 0
    assert (tmp_path / "examples.md").read_text() != page
    assert main(arguments) == 0
    assert (tmp_path / "examples.md").read_text() == page


def test_a_user_is_drawn_from_those_in_all_runs() -> None:
    users = [f"user {number}" for number in range(9)]
    one = [row(user, 1, "one") for user in users]
    two = [row(user, 1, "two") for user in users[:4]]
    drawn = {choose({"one": one, "two": two}, None, 1, seed).user for seed in range(40)}
    assert drawn == set(users[:4])
    page = choose({"one": one, "two": two}, "user 3", 5)
    assert (page.user, [example.replies for example in page.examples]) == ("user 3", [{"one": "one", "two": "two"}])


def test_names(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["examples", *runs, "--names", "mine, yours", "--out", str(tmp_path)]) == 0
    assert "| mine | first" in (tmp_path / "examples.md").read_text()
    for names in ("mine", "mine,mine", "mine,"):
        assert main(["examples", *runs, "--names", names]) == 2
        assert "expected a different name for each" in capsys.readouterr().err


def test_texts_are_texts(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_generations(tmp_path / "generations.jsonl", [replace(row("ann", 1, ODD), persona=["i am \ud83d"])])
    assert main(["examples", str(tmp_path), "--out", str(tmp_path), "--names", "a_b"]) == 0
    assert r"| a\_b | \[/bold\] a\|b \*c\* d $e$ \<f\> |" in (tmp_path / "examples.md").read_text()
    assert "[/bold] a|b *c*" in capsys.readouterr().out


def test_a_real_run(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rows = [row for part in "BC" for row in read_generations(finished / f"generations_{part}.jsonl")]
    things = {row.user: next(t for t in REGULAR | FEW if row.persona == persona(t)) for row in rows}
    for user, thing in things.items():
        assert main(["examples", str(finished), "--user", user, "--out", str(tmp_path)]) == 0
        page = (tmp_path / "examples.md").read_text()
        assert "\n\n".join(["Persona:", "\n".join(f"- {said}" for said in persona(thing)), "## "]) in page
        assert page.count("| **human** |") == sum(row.user == user for row in rows) == 2
        assert f"- do you like {thing} ?" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "cem"], "--user cem was given, but no example of theirs .* Expected one of 1: ann"),
        (["--number", "0"], "--number 0 was given; expected at least 1"),
        (["--turns", "-1"], "--turns -1 was given"),
        (["--out", __file__], "is a file; expected a folder"),
        (["nowhere"], "There is no folder nowhere"),
        (["."], "There is no generations.jsonl in"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    runs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["examples", *runs, *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1


def test_runs_that_do_not_go_together(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_generations(tmp_path / "else" / "generations.jsonl", [row("zoe", 1, "hi")])
    write_generations(tmp_path / "silent" / "generations.jsonl", [row("ann", 1, None)])
    for other, message in (("else", "No user has an example that all these runs"), ("silent", "decoded no replies")):
        assert main(["examples", runs[0], str(tmp_path / other)]) == 2
        assert message in capsys.readouterr().err
