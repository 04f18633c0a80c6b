import json
import math

import pytest

from zoo.errors import UserError
from zoo.metrics import Results, read_results, write_results


def test_round_trip(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    metrics = {"test/ppl_token": 1 / 3, "test/f1_parlai": math.nan, "val/ppl_token": 7.0}
    write_results(path, metrics, {"ppl_token": 1, "f1_parlai": 2}, n_examples=5, seed=0, other={"git": {"dirty": True}})
    results = read_results(path)
    assert math.isnan(results.metrics.pop("test/f1_parlai"))
    kept = {"test/ppl_token": 1 / 3, "val/ppl_token": 7.0}
    assert results == Results(kept, {"ppl_token": 1, "f1_parlai": 2}, 5, 0, {"git": {"dirty": True}})
    assert [file.name for file in path.parent.iterdir()] == ["metrics.json"]


def test_what_json_does_not_have_is_null(tmp_path):
    path = tmp_path / "metrics.json"
    write_results(path, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.1}, {}, 0, None)
    contents = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert contents == {
        "metrics": {"a": None, "b": None, "c": None, "d": 0.1},
        "versions": {},
        "n_examples": 0,
        "seed": None,
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metrics": {}}', '{"metrics": 1, "versions": {}}', "\xff"])
def test_another_file_is_named(tmp_path, text):
    path = tmp_path / "metrics.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"metrics\.json is not a metrics file"):
        read_results(path)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"There is no .*Evaluate the run first"):
        read_results(tmp_path / "metrics.json")
