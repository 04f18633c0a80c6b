"""The words of the offline persona writer: as many as promised, and fit for what the filters and scorers ask."""

import itertools
import re

import pytest
import yaml

from zoo.data.persona_lexicon import RUDE_WORDS, read_lexicon
from zoo.errors import UserError
from zoo.synthesis.taxonomy import read_taxonomy

LEAVES = read_lexicon().leaves
EXCLUSIVE = {
    "place_origin_citystate", "place_origin_country", "live_in_citystatecountry_citystate",
    "live_in_citystatecountry_country", "nationality_country", "job_status_job_status", "school_status_school_status",
    "have_sibling_family", "have_children_family", "marital_status_marital", "has_age_number", "gender_gender",
}  # fmt: skip


def has(text: str, words: str) -> bool:
    """Whether `words` stand in `text` as whole words, in any case."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


def test_leaves_and_keys_are_the_taxonomys():
    assert {id: leaf.key for id, leaf in read_taxonomy().leaves.items()} == {
        id: leaf.key for id, leaf in LEAVES.items()
    }
    assert all(id == leaf.leaf for id, leaf in LEAVES.items())
    assert {id for id, leaf in LEAVES.items() if leaf.exclusive} == EXCLUSIVE


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_the_words_of_a_leaf(leaf):
    assert len({value.casefold() for value in leaf.values}) == len(leaf.values) >= 20
    assert len(set(leaf.templates)) == len(leaf.templates) >= 8
    assert 2 * sum(has(template, leaf.key) for template in leaf.templates) == len(leaf.templates)
    for cue in leaf.cues:
        assert cue == cue.lower()
        assert any(has(template, cue) for template in leaf.templates), cue
    for template in leaf.templates:
        assert template.count("{value}") == 1, template
        assert any(has(template, word) for word in ("I", "my", "me", "mine")), template
        assert any(has(template, words) for words in (*leaf.cues, leaf.key)), template
        assert template.endswith(".")
        assert template[0].isupper()
        for value in leaf.values:
            assert not has(template.replace("{value}", ""), value), template  # or it would seem to say that value
    for text in (*leaf.values, *leaf.templates):
        assert not re.search(r"[()\[\]|:\n]", text), text  # the regex filter cuts there
        assert not any(has(text, rude) for rude in RUDE_WORDS), text


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_articles_fit_every_value(leaf):
    for template in leaf.templates:
        if article := re.search(r"\b(an?) \{value", template):
            for value in leaf.values:
                assert (value[0].lower() in "aeiou") == (article[1] == "an"), template.format(value=value)


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES.values() if leaf.exclusive], ids=lambda leaf: leaf.leaf)
def test_no_value_of_an_exclusive_leaf_is_in_another(leaf):
    for one, other in itertools.permutations(leaf.values, 2):
        assert not has(one, other), (one, other)


def test_no_cue_is_in_a_sentence_of_another_key():
    for one, other in itertools.permutations(LEAVES.values(), 2):
        if one.key != other.key:
            for cue, template in itertools.product(one.cues, other.templates):
                assert f" {cue} " not in f" {re.sub(r'[.,]', ' ', template.lower())}", (one.leaf, cue, template)


def test_by_key_over_leaves():
    lexicon = read_lexicon()
    assert lexicon is read_lexicon()
    assert lexicon.values("animal") == tuple(
        dict.fromkeys((*LEAVES["have_pet_animal"].values, *LEAVES["like_animal"].values))
    )
    assert lexicon.values("profession") == LEAVES["has_profession_profession"].values  # the former ones are the same
    assert {"i live abroad", "country of birth"} < set(lexicon.cues("country"))
    assert lexicon.values("no such key") == lexicon.cues("no such key") == ()


def test_rude_words():
    assert all(0 < weight <= 1 and word == word.lower() for word, weight in RUDE_WORDS.items())
    assert max(RUDE_WORDS.values()) >= 0.8


def entry(**changed):
    return {
        "leaf": "x",
        "key": "fruit",
        "exclusive": False,
        "values": [f"fruit{i}" for i in range(20)],
        "templates": [f"I like {i} {{value}}." for i in range(8)],
        "cues": ["i like"],
    } | changed


def read(folder, *entries):
    (folder / "one.yaml").write_text(yaml.safe_dump(list(entries)))
    return read_lexicon(folder)


def test_a_leaf_may_share_anothers_values(tmp_path):
    leaves = read(tmp_path, entry(leaf="y", values="x"), entry()).leaves
    assert leaves["y"].values == leaves["x"].values
    assert leaves["x"].templates[7] == "I like 7 {value}."


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": ["a"]}, r"1 values; expected at least 20"),
        ({"values": ["A", "a", *(f"b{i}" for i in range(20))]}, "none of them twice"),
        ({"values": [f"a{i}" for i in range(19)] + [7]}, "expected a list of texts"),
        ({"values": "z"}, "values of z, which is no leaf"),
        ({"values": "x"}, "expected a list of texts"),
        ({"templates": ["I like {value}."] * 8}, "none of them twice"),
        ({"templates": [f"I like {i}." for i in range(8)]}, "exactly once"),
        ({"templates": [f"I like {i} {{value}} {{value}}." for i in range(8)]}, "exactly once"),
        ({"cues": ["I like"]}, "lower-case"),
        ({"cues": ["i eat"]}, "that one of its templates has"),
        ({"cues": []}, "0 cues; expected at least 1"),
        ({"key": ""}, "true or false"),
        ({"exclusive": "yes"}, "true or false"),
        ({"more": 1}, "expected a leaf with leaf, key"),
        ({"leaf": 3}, "expected a leaf with leaf, key"),
    ],
)
def test_a_malformed_leaf_is_refused(tmp_path, changed, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, entry(**changed))


def test_malformed_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no leaves"):
        read_lexicon(tmp_path / "nowhere")
    for name, content, message in (("a", "x: [1", "cannot be read"), ("b", "x: 1", "is no list")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.yaml").write_text(content)
        with pytest.raises(UserError, match=message):
            read_lexicon(tmp_path / name)
    (tmp_path / "two.yaml").write_text(yaml.safe_dump([entry()]))
    with pytest.raises(UserError, match=r"has the leaf x, which .*one\.yaml has already"):
        read(tmp_path, entry())
