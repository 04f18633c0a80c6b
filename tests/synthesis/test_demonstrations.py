import json

import pytest

from zoo.errors import UserError
from zoo.synthesis.profiles.demonstrations import RELATIONS, SHOWN, from_dialogue_nli, read_demonstrations
from zoo.synthesis.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
OWN = read_demonstrations(TAXONOMY)


def test_the_projects_own():
    assert len(OWN) >= 20
    for id, demonstration in OWN.items():
        assert demonstration.leaf.group != "WELLNESS", id
        assert len(demonstration.sentences) >= 8, id
        for sentence, value in demonstration.sentences:
            assert value in sentence
            assert sentence[0].isupper()
            assert sentence[-1] == "."
    everything = [sentence for demonstration in OWN.values() for sentence, _ in demonstration.sentences]
    assert len(set(everything)) == len(everything)
    assert set(OWN) >= set(TAXONOMY.unused)


def test_draws_are_distinct_and_of_their_seed():
    food = OWN["like_food"]
    drawn = {food.draw(f"0/{trial}") for trial in range(5)}
    assert len(drawn) == 5
    assert all(len(set(five)) == SHOWN and set(five) <= set(food.sentences) for five in drawn)
    assert food.draw("0/1") == food.draw("0/1")


FIVE = "\n".join(f"  - I have {n} cats. ({n} cats)" for n in range(5))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("physical_symptom:\n" + FIVE, "of wellness, which never demonstrates"),
        ("have_pet_plant:\n" + FIVE, "none of the taxonomy"),
        ("have_pet_animal:\n" + FIVE.replace("4 cats", "3 cats"), "have 4 distinct sentences"),
        ("have_pet_animal: [I have a cat.]", "expected a sentence and its entity's value"),
        ("have_pet_animal: [(cat)]", "expected a sentence and its entity's value"),
        ("- a", "have no categories"),
        ("a: [", "cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path, text, said):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_demonstrations(TAXONOMY, tmp_path / "own.yaml")


def test_a_file_of_ones_own(tmp_path):
    (tmp_path / "own.yaml").write_text("have_pet_animal:\n" + FIVE)
    (found,) = read_demonstrations(TAXONOMY, tmp_path / "own.yaml").values()
    assert found.sentences[1] == ("I have 1 cats.", "1 cats")


def entry(sentence, triple, other=("you fly .", ["i", "<none>", "<none>"])):
    return {"label": "neutral", "sentence1": sentence, "triple1": triple, "sentence2": other[0], "triple2": other[1]}


@pytest.fixture
def dialogue_nli(tmp_path):
    entries = [entry(f"i have {n} dogs , i love them .", ["i", "have_pet", "dog"]) for n in range(5)]
    entries += [entry("i have 0 dogs , i love them .", ["i", "have_pet", "dogs"])]  # a repeat
    entries += [entry(f"i drink {n} teas .", ["i", "like_drink", "tea"]) for n in range(4)]  # too few
    entries += [entry("x", ["i", "like_music", "Jazz"], (f"jazz {n} .", ["i", "like_music", "jazz"])) for n in range(5)]
    entries += [entry(f"drake {n}", ["i", "like_music", "drake"]) for n in range(5)]
    entries += [{"sentence1": 3, "triple1": ["i", "have_pet", "cat"]}, {"sentence1": "a", "triple1": "b"}]
    (tmp_path / "dialogue_nli_train.jsonl").write_text(json.dumps(entries))
    return tmp_path / "dialogue_nli_train.jsonl"


def test_rebuilt_from_dialogue_nli(dialogue_nli):
    found = from_dialogue_nli(TAXONOMY, [dialogue_nli])
    assert list(found) == ["have_pet_animal"]  # like_music has three leaves, and there are no lists to tell them by
    assert found["have_pet_animal"].sentences[0] == ("I have 0 dogs, I love them.", "dog")
    assert len(found["have_pet_animal"].sentences) == 5


def test_lists_of_values_tell_leaves_of_one_relation_apart(dialogue_nli):
    lists = {"like_music_genre": ["jazz"], "like_music_artist": ["Drake"], "have_pet_animal": ["cat"]}
    found = from_dialogue_nli(TAXONOMY, [dialogue_nli], lists)
    assert list(found) == ["like_music_genre", "like_music_artist"]
    assert {value for _, value in found["like_music_artist"].sentences} == {"drake"}
    assert len(found["like_music_genre"].sentences) == 6


def test_relations_are_of_the_taxonomy_and_never_of_wellness():
    known = {**TAXONOMY.leaves, **TAXONOMY.unused}
    assert all(known[id].group != "WELLNESS" for ids in RELATIONS.values() for id in ids)


@pytest.mark.parametrize(("text", "said"), [('{"a": 1}\n{"a": 2}', "cannot be read as one"), ('["a"]', "no array")])
def test_files_that_are_no_dialogue_nli(tmp_path, text, said):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(UserError, match=said):
        from_dialogue_nli(TAXONOMY, [tmp_path / "a.jsonl"])
