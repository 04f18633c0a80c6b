import csv
import json
from collections import Counter

import pytest

from zoo.errors import UserError
from zoo.synthesis.profiles.samples import samples_for_judges, write_samples
from zoo.synthesis.records import ProfileSentence


def sentences(n, leaf="like_food"):
    return [ProfileSentence(f"I eat {i}, always.", leaf, "food", str(i)) for i in range(n)]


def test_ten_of_every_leaf_or_all():
    mixed = sentences(50) + sentences(3, "like_drink") + sentences(20, "has_age_number")
    samples = samples_for_judges(mixed, seed=1)
    assert Counter(sample.leaf for sample in samples) == {"like_food": 10, "like_drink": 3, "has_age_number": 10}
    assert [sample.id for sample in samples] == list(range(1, 24))
    assert len({(sample.leaf, sample.sentence) for sample in samples}) == 23
    assert samples_for_judges(iter(mixed), seed=1) == samples
    assert samples_for_judges(mixed, seed=2) != samples


def test_a_leafs_draw_does_not_depend_on_others():
    alone = [sample.sentence for sample in samples_for_judges(sentences(50))]
    mixed = [one for pair in zip(sentences(50, "like_drink"), sentences(50), strict=True) for one in pair]
    assert [sample.sentence for sample in samples_for_judges(mixed) if sample.leaf == "like_food"] == alone


def test_every_sentence_is_as_likely():
    drawn = Counter(s.value for seed in range(2000) for s in samples_for_judges(sentences(8), per_leaf=2, seed=seed))
    assert len(drawn) == 8
    assert all(abs(n - 500) < 85 for n in drawn.values())  # 4.4 standard deviations of a binomial


@pytest.mark.parametrize("name", ["samples.csv", "samples.jsonl"])
def test_files(tmp_path, name):
    samples = samples_for_judges(sentences(30), per_leaf=4)
    write_samples(tmp_path / name, samples)
    with (tmp_path / name).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file)) if name.endswith("csv") else [json.loads(row) for row in file]
    assert [row["sentence"] for row in rows] == [sample.sentence for sample in samples]
    assert list(rows[0])[-4:] == ["humanness", "fluency", "category_relevance", "entity_factuality"]
    assert rows[0]["humanness"] == ""


def test_bad_requests(tmp_path):
    with pytest.raises(UserError, match=r"\.csv or \.jsonl"):
        write_samples(tmp_path / "samples.xlsx", [])
    with pytest.raises(UserError, match="at least 1"):
        samples_for_judges([], per_leaf=0)
