"""Profiles by a language model, from the command line: a real local server and a real tiny model."""

import json

import pytest

from tests.language_models.conftest import Reply, answer, causal, server  # noqa: F401 (fixtures)
from zoo.profiles.__main__ import main


@pytest.fixture
def posts(tmp_path):
    """Two users: three units of 2 posts with one left over, and a single post."""
    texts = {"anna": ["i moved", "to kyoto", "good", "morning", "kyoto", "again", "late"], "ben": ["hi"]}
    lines = [
        json.dumps({"user": user, "time": f"2021-03-{day:02d}", "text": text})
        for user, own in texts.items()
        for day, text in enumerate(own, start=1)
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(lines))
    return path


def told(body):
    """Kinki for units that name Kyoto."""
    posts = body["messages"][0]["content"]
    return Reply(body=answer("age: unknown, 1\nlocation: Kinki, 0.8" if "kyoto" in posts else "I cannot tell."))


def test_an_endpoint(server, posts, tmp_path, capsys):  # noqa: F811
    server.behave = lambda number, body: told(body)
    out = tmp_path / "out.jsonl"
    command = ["infer", str(posts), str(out), "--unit", "2", "--back-end", "language_model", "--model", "m"]
    command += ["--base-url", server.url, "--answers", str(tmp_path / "answers")]
    main(command)
    anna, ben = (json.loads(line) for line in out.read_text().splitlines())
    assert anna == {
        "user": "anna",
        "profile": {"location": "Kinki"},
        "votes": {"location": [2, 2]},
        "confidence": {"location": 0.8},
        "posts": 7,
    }
    assert (ben["profile"], ben["posts"]) == ({}, 1)
    assert len(server.bodies) == 4
    main(command)
    assert len(server.bodies) == 4  # the answers were kept
    assert "1 of 10 attributes" in capsys.readouterr().out


def test_a_model_on_this_machine(causal, posts, tmp_path):  # noqa: F811
    out = tmp_path / "out.jsonl"
    local = ["--back-end", "language_model", "--model", str(causal), "--mode", "completions"]
    main(["infer", str(posts), str(out), *local])
    assert [json.loads(line)["profile"] for line in out.read_text().splitlines()] == [{}, {}]  # random weights


@pytest.mark.parametrize(
    "given", [["--back-end", "language_model"], ["--model", "m"], ["--back-end", "zero_shot", "--model", "m"]]
)
def test_options_that_do_not_fit(posts, tmp_path, capsys, given):
    with pytest.raises(SystemExit) as stopped:
        main(["infer", str(posts), str(tmp_path / "out.jsonl"), *given])
    assert stopped.value.code == 2
    assert "error: --back-end" in capsys.readouterr().err
