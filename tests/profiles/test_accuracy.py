"""Accuracy against the truth, and the command line."""

import json

import pytest

from zoo.data.profiles import ATTRIBUTES, checked_profile
from zoo.data.synthetic_users import synthetic_user, user_named
from zoo.data.synthetic_users.__main__ import main as write_synthetic
from zoo.errors import UserError
from zoo.profiles.__main__ import main
from zoo.profiles.accuracy import Accuracy, measure
from zoo.profiles.base import ProfileInferer
from zoo.profiles.lexical import LexicalProfiles
from zoo.profiles.posts_file import read_posts


@pytest.fixture(scope="module", params=["en", "ja"])
def users(request):
    return [synthetic_user(request.param, number) for number in range(20)]


def test_more_posts_tell_more_and_most_of_it_is_right(users):
    few, _, one, many = measure(users, LexicalProfiles(), [20, 150], [1, 4])
    assert few.overall.coverage < one.overall.coverage < many.overall.coverage
    assert many.overall.coverage > 0.9
    assert many.overall.accuracy > 0.75
    assert all(counts.asked == 20 for counts in many.of_attribute.values())


def test_counts_by_hand(users):
    class Believer(ProfileInferer):
        """Everybody is in their 20s; women where somebody posts much."""

        def infer(self, posts):
            return {"age": ("20s", 0.5)} | ({"gender": ("Female", 0.5)} if len(posts) > 2 else {})

    small, large = measure(users, Believer(), [2, 3], [1])
    in_their_20s = sum(user.profile["age"] == "20s" for user in users)
    women = sum(user.profile["gender"] == "Female" for user in users)
    assert small.of_attribute["age"] == Accuracy(in_their_20s, 20, 20)
    assert large.of_attribute["gender"] == Accuracy(women, 20, 20)
    assert (small.of_attribute["gender"].accuracy, small.of_attribute["gender"].coverage) == (None, 0.0)
    assert large.overall == Accuracy(in_their_20s + women, 40, 100)
    assert large.overall.coverage == pytest.approx(0.4)


def test_nothing_to_measure(users):
    with pytest.raises(UserError, match="0 users"):
        measure([], LexicalProfiles(), [1], [1])
    with pytest.raises(UserError, match="at least 1"):
        measure(users, LexicalProfiles(), [0], [1])


def test_accuracy_command(tmp_path, capsys):
    sizes = ["--users", "6", "--sizes", "10", "150", "--units", "1", "3"]
    main(["accuracy", "--language", "ja", *sizes, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "posts a unit" in printed
    assert all(attribute in printed for attribute in ATTRIBUTES)
    written = json.loads((tmp_path / "accuracy.json").read_text())
    assert [(cell["posts_per_unit"], cell["units"]) for cell in written["cells"]] == [
        (10, 1),
        (10, 3),
        (150, 1),
        (150, 3),
    ]
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "accuracy.svg").read_text().startswith("<svg")


def test_infer_command_on_posts_of_synthetic_users(tmp_path, capsys):
    write_synthetic(["users", str(tmp_path), "--number", "5", "--partners", "2", "--posts", "450"])
    main(["infer", str(tmp_path / "posts.jsonl"), str(tmp_path / "out" / "profiles.jsonl")])
    assert "5 users" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "out" / "profiles.jsonl").read_text().splitlines()]
    assert [line["user"] for line in lines] == [f"en-0-{number:04d}" for number in range(5)]
    right = 0
    for line in lines:
        assert checked_profile(line["profile"]) == line["profile"]
        assert all(1 <= votes <= voters <= 3 for votes, voters in line["votes"].values())
        truth = user_named(line["user"]).profile
        right += sum(truth[attribute] == value for attribute, value in line["profile"].items())
    assert right > 15


def test_posts_are_put_in_order_and_older_than_a_year_left_out(tmp_path):
    times = ["2021-06-01T10:00", "2021-05-31T23:00", "2020-05-31", "2020-06-02", "2021-06-01T08:00+09:00"]
    lines = [json.dumps({"user": "anna", "time": time, "text": str(number)}) for number, time in enumerate(times)]
    lines += ["", json.dumps({"user": "ben", "time": "1999-01-01", "text": "old", "likes": 3})]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(lines))
    # number 4 is the same moment as number 1; number 2 is a year and a day old
    assert read_posts(path) == {"anna": ["3", "1", "4", "0"], "ben": ["old"]}
    assert read_posts(path, days=1) == {"anna": ["1", "4", "0"], "ben": ["old"]}
    with pytest.raises(UserError, match="--days 0"):
        read_posts(path, days=0)


@pytest.mark.parametrize(
    "line",
    [
        '{"user": "anna", "time": "2021-01-01", "text": "cut of',
        '{"user": "anna", "time": "yesterday", "text": "a"}',
        '{"user": "anna", "text": "a"}',
        '{"user": 3, "time": "2021-01-01", "text": "a"}',
        '{"user": "", "time": "2021-01-01", "text": "a"}',
        '["anna"]',
        b"\xff\xfe",
    ],
)
def test_a_malformed_post_is_named(tmp_path, line):
    path = tmp_path / "posts.jsonl"
    good = b'{"user": "anna", "time": "2021-01-01", "text": "a"}\n'
    path.write_bytes(good + (line if isinstance(line, bytes) else line.encode()))
    with pytest.raises(UserError, match=r"posts\.jsonl, line 2: .*mend the line"):
        read_posts(path)


def test_no_posts(tmp_path):
    (tmp_path / "posts.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match="is empty"):
        read_posts(tmp_path / "posts.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        read_posts(tmp_path / "none.jsonl")


@pytest.mark.parametrize("given", [["--scorer", "lexical"], ["--back-end", "zero_shot"], ["--sizes", "0"]])
def test_command_line_refuses(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["accuracy", "--users", "3", *given])
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_zero_shot_from_the_command_line(tmp_path, capsys):
    sizes = ["--users", "3", "--sizes", "20", "--units", "1"]
    main(["accuracy", *sizes, "--back-end", "zero_shot", "--scorer", "lexical"])
    assert "20" in capsys.readouterr().out
