import json
import math

import pytest

from zoo.errors import UserError
from zoo.metrics import Generation, read_generations, write_generations

LINE = {
    "id": "d/1",
    "user": "u",
    "persona": ["i ski ."],
    "history": ["hi !"],
    "reference": "hey you",
    "response": None,
    "nll": 2.5,
    "n_tokens": 3,
    "n_words": 3,
}


def written(folder, *lines, end="\n"):
    path = folder / "generations.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + end, encoding="utf-8")
    return path


def test_words_and_characters_are_counted_where_not_given(generation):
    row = generation(reference=" don't  go. ")
    assert (row.n_words, row.n_chars) == (2 + 1, 12)  # the end is a word, but no character
    assert (generation(reference="").n_words, generation(reference="猫が好き").n_chars) == (1, 4)
    assert (generation(n_words=7, n_chars=9).n_words, generation(n_words=7, n_chars=9).n_chars) == (7, 9)


def test_round_trip_is_exact(tmp_path, corpus, generation):
    rows = [
        *corpus(5),
        generation("nothing measured"),
        generation("猫", 'line\nbreak \u2028 "quoted" \\', "\ud83d half a pair", nll=0.1 + 0.2, n_tokens=1),
        generation("diverged", nll=math.inf, n_tokens=1),
    ]
    write_generations(tmp_path / "new" / "generations.jsonl", rows)
    assert read_generations(tmp_path / "new" / "generations.jsonl") == rows
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["generations.jsonl"]  # no temporary file stays


def test_nan_survives(tmp_path, generation):
    write_generations(tmp_path / "g.jsonl", [generation(nll=math.nan, n_tokens=1)])
    assert math.isnan(read_generations(tmp_path / "g.jsonl")[0].nll)


def test_a_line_reads_as_the_contract_says(tmp_path, generation):
    write_generations(tmp_path / "g.jsonl", [generation("d/1", "猫", nll=1 / 3, n_tokens=2)])
    assert (tmp_path / "g.jsonl").read_text(encoding="utf-8") == (
        '{"id": "d/1", "user": "u", "persona": ["i have a cat ."], "history": ["hi !"], "reference": "猫", '
        '"response": null, "nll": 0.3333333333333333, "n_tokens": 2, "n_words": 2, "n_chars": 1}\n'
    )


def test_a_failed_write_leaves_the_old_file(tmp_path, generation):
    write_generations(tmp_path / "g.jsonl", [generation("old")])

    def rows():
        yield generation("new")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_generations(tmp_path / "g.jsonl", rows())
    assert [row.id for row in read_generations(tmp_path / "g.jsonl")] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["g.jsonl"]


def test_what_may_be_absent(tmp_path):
    path = written(tmp_path, {**LINE, "a key of tomorrow": 1, "gold": None}, "", end="")
    assert read_generations(path) == [Generation("d/1", "u", ["i ski ."], ["hi !"], "hey you", None, 2.5, 3, 3, 7)]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ('{"id": "x", }', "line 2: not valid JSON"),
        ("[1]", r"line 2: expected an object, got '\[1\]'"),
        (
            {key: LINE[key] for key in LINE if key not in ("nll", "user")},
            "line 2: without user, nll. Expected the keys id",
        ),
        ({**LINE, "persona": "i ski ."}, "line 2: persona is 'i ski .', expected a list of texts"),
        ({**LINE, "id": 7}, "line 2: id is '7', expected a text"),
        ({**LINE, "nll": True}, "line 2: nll is 'True', expected a number"),
        ({**LINE, "n_words": -1}, "line 2: n_words is '-1', expected a whole number from 0"),
        ({**LINE, "reference": None}, "line 2: reference is 'None', expected a text"),
        ({**LINE, "token_nll": [1, "2"]}, "line 2: token_nll is .* expected a list of numbers"),
        ({**LINE, "target_ids": [1.0]}, "line 2: target_ids is .* expected a list of whole numbers"),
        (LINE, "line 2: id 'd/1' is that of line 1 already"),
    ],
)
def test_a_bad_line_is_named(tmp_path, second, message):
    with pytest.raises(UserError, match=message):
        read_generations(written(tmp_path, LINE, second))


def test_a_cut_last_line_says_so(tmp_path):
    with pytest.raises(UserError, match=r"line 2: not valid JSON .* stopped while writing"):
        read_generations(written(tmp_path, LINE, json.dumps({**LINE, "id": "d/2"})[:60], end=""))
    with pytest.raises(UserError) as error:
        read_generations(written(tmp_path, "{", {**LINE, "id": "d/2"}))
    assert "stopped" not in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "g.jsonl"
    path.write_bytes(json.dumps(LINE).encode() + b"\n" + '{"id": "é"}'.encode("latin-1"))
    with pytest.raises(UserError, match="line 2: not valid UTF-8"):
        read_generations(path)


def test_no_file_no_lines_no_file_but_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"There is no .*g\.jsonl\. Evaluate"):
        read_generations(tmp_path / "g.jsonl")
    with pytest.raises(UserError, match="holds no examples"):
        read_generations(written(tmp_path, "", " "))
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_generations(tmp_path)
