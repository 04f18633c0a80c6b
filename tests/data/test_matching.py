"""Who is who: folding, linking, persona maps, and one user id over all splits."""

import doctest
import json
import logging
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import zoo.data.matching
from zoo.data.convai2 import read_convai2
from zoo.data.corpora import ConvAI2Corpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.matching import MatchedUsers, PersonaGroups, fold, match_personas, read_persona_map
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

SINGS, BAKES, TALL, DOGS, SWIM = "i sing .", "I don't bake.", "i'm tall.", "i have two dogs .", "i swim ."


def test_examples_in_docstrings():
    failed, tried = doctest.testmod(zoo.data.matching)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("spellings", "folded"),
    [
        (("I'm tall.", "i m tall", "im  tall !", "i am tall", "I’m tall"), "i am tall"),
        (("i don't know", "i don t know", "i dont know .", "I DO NOT know"), "i do not know"),
        (("i can't", "i can t", "i cannot", "i cant", "i can not"), "i can not"),
        (("i've won't", "i ve won t"), "i have will not"),
        (("i'ven't been", "i ven t been", "i haven't been", "i have not been"), "i have not been"),
        (("she's there's he'd they'll", "she s there s he d they ll"), "she is there is he would they will"),
        (("you're they're", "youre theyre"), "you are they are"),
        (("my mother's well-known cat", "my mother s well known cat"), "my mother s well known cat"),
        (("...", "!"), ""),
        (("犬を飼っています。", "犬を飼っています"), "犬を飼っています"),
    ],
)
def test_one_spelling_for_all(spellings, folded):
    assert {fold(sentence) for sentence in spellings} == {folded}


def test_words_that_only_look_like_contractions_stay():
    for sentence in ("i want an ivy plant", "we were ill and him too", "the land of the dim id", "its image"):
        assert fold(sentence) == sentence


def test_links_are_chains_of_shared_sentences():
    personas = [
        (SINGS, BAKES, TALL),
        ("i am tall", "i do not bake", DOGS),  # two with the first, spelt otherwise
        (DOGS, "I am tall!", SWIM),  # two with the second only
        (DOGS, "i am a clown ."),  # one with the second
        (),
    ]
    groups = match_personas(personas)
    assert groups.index[:3] == [groups.index[0]] * 3
    assert groups.index[3] not in (-1, groups.index[0])
    assert groups.index[4] == -1
    assert len(groups.names) == 2
    assert groups.names == sorted(groups.names)
    assert len(set(match_personas(personas, min_shared=1).index[:4])) == 1
    assert len(set(match_personas(personas, min_shared=3).index[:4])) == 4
    # all but one: the clown's two sentences need one in common
    assert len(set(match_personas(personas, min_shared="all_but_one").index[:4])) == 1


def test_equal_personas_belong_together_whatever_their_number():
    assert match_personas([("i sing",), ("I sing.",), ("i bake",)]).index.count(-1) == 0
    one, other, third = match_personas([("i sing",), ("I sing.", "i sing"), ("i bake",)]).index
    assert one == other != third
    assert len(set(match_personas([(SINGS, "..."), (SINGS, "!"), (BAKES, "?")], min_shared=1).index)) == 2
    # one sentence in common is not all but one of two-sentence personas' least, one; none in common never is
    assert len(set(match_personas([("i sing",), ("i bake",)], min_shared="all_but_one").index)) == 2


def test_names_depend_on_the_set_of_personas_only():
    draw = random.Random(0)
    pool = [f"i like number {number}" for number in range(40)]
    personas = [tuple(draw.sample(pool[start : start + 6], 4)) for start in range(0, 36, 2) for _ in range(3)]
    names = dict(zip(personas, _names(match_personas(personas)), strict=True))
    for seed in range(5):
        shuffled = personas + draw.sample(personas, 10)
        random.Random(seed).shuffle(shuffled)
        turned = [tuple(draw.sample(persona, 4)) for persona in shuffled]
        assert _names(match_personas(turned)) == [names[persona] for persona in shuffled]


def _names(groups: PersonaGroups) -> list[str]:
    return [groups.names[place] for place in groups.index]


# --- persona maps ---


@pytest.fixture
def persona_map(tmp_path) -> Path:
    path = tmp_path / "own_map.json"
    clusters = {"7": [["i sing", "i don t bake"], ["i am tall"]], "12": [["i m tall"], ["i have two dogs"]]}
    path.write_text(json.dumps(clusters))
    return path


def test_lookup_in_a_map(persona_map, caplog):
    personas = [
        (BAKES, SINGS),
        ("i have two dogs.",),
        ("I'm tall.",),
        ("i am tall.",),
        ("im tall",),
        (SWIM,),
        (SINGS,),
        (),
    ]
    with caplog.at_level(logging.WARNING):
        groups = match_personas(personas, "paml_kmeans", persona_map=persona_map)
    # as the map spells it where it does so, else the first cluster that folds to it
    assert [_names(groups)[place] for place in range(5)] == [f"own_map-{c}" for c in ("7", "12", "12", "7", "7")]
    alone = _names(groups)[5:7]
    assert all(name.startswith("persona-") for name in alone)
    assert alone[0] != alone[1]
    assert groups.index[-1] == -1
    assert "2 of 5 personas are in no persona map" in caplog.text


def test_several_maps_keep_their_clusters_apart(persona_map, tmp_path):
    other = tmp_path / "other_map.json"
    other.write_text(json.dumps({"7": [["i swim"]]}))
    groups = match_personas([(SWIM,), (SINGS, BAKES)], "paml_kmeans", persona_map=[persona_map, other])
    assert _names(groups) == ["other_map-7", "own_map-7"]


def test_mistakes_in_maps_and_settings(persona_map, tmp_path):
    def fails(words: str, **options) -> None:
        with pytest.raises(UserError, match=words):
            match_personas([(SWIM,)], **{"matching": "paml_kmeans", "persona_map": persona_map, **options})

    fails("None of the 1 personas is in .*own_map.json")
    fails(r"persona_map=None .*Set data\.persona_map=", persona_map=None)
    fails("whose names differ", persona_map=[persona_map, persona_map])
    fails(r"gone\.json cannot be read", persona_map=tmp_path / "gone.json")
    for number, text in enumerate(("{", '[["i sing"]]', '{"1": ["i sing"]}', '{"1": [[]]}', '{"1": [[2]]}')):
        (tmp_path / f"bad{number}.json").write_text(text)
        fails("cannot be read|is no persona map", persona_map=tmp_path / f"bad{number}.json")
    fails("matching='exact'", matching="exact")
    for wrong in (0, "two", None):
        fails("min_shared=", matching="shared_sentences", min_shared=wrong)


# --- a corpus whose speakers are somebody ---


class Split:
    """One dialogue a split; the three show parts of the same two people."""

    personas = {  # noqa: RUF012
        "train": ((SINGS, BAKES, TALL), (DOGS, SWIM)),
        "valid": ((BAKES, TALL, DOGS), (SWIM, DOGS)),
        "test": ((TALL, DOGS, BAKES), ("i am new here .",)),
    }

    def __init__(self):
        self.prepared, self.changes = [], {}

    def load(self, split: str) -> list[Dialogue]:
        said = tuple(Utterance(place % 2, text) for place, text in enumerate(("hi .", "hello .", "so ?", "well .")))
        one, other = (Speaker(persona) for persona in self.changes.get(split, self.personas[split]))
        named = (Speaker((SINGS, BAKES), "anna"), Speaker())
        return [
            Dialogue(f"{split}:1", (one, other), said, (0, 1)),
            Dialogue(f"{split}:2", named, said, (0, 1)),
        ]

    def prepare(self, splits) -> None:
        self.prepared.append(tuple(splits))


def test_users_are_matched_over_all_splits():
    corpus = MatchedUsers(Split())
    loaded = {split: corpus.load(split) for split in ("test", "train", "valid")}
    singer = {dialogues[0].speakers[0].user for dialogues in loaded.values()}
    swimmers = [loaded[split][0].speakers[1].user for split in ("train", "valid", "test")]
    assert len(singer) == 1
    assert swimmers[0] == swimmers[1] != swimmers[2]
    assert swimmers[0] not in singer
    assert [speaker.user for speaker in loaded["train"][1].speakers] == ["anna", ""]  # named, and without a persona
    assert loaded["train"] == [
        replace(d, speakers=loaded["train"][i].speakers) for i, d in enumerate(Split().load("train"))
    ]


@pytest.fixture
def datamodule(tmp_path, small_tokenizer):
    def make(corpus, **options) -> DialogueDataModule:
        return DialogueDataModule(corpus, DialogueTemplate(small_tokenizer()), cache_dir=tmp_path / "cache", **options)

    return make


def test_the_users_setting(datamodule):
    counts = {}
    for users in ("speaker", "persona", "shared_sentences"):
        data = datamodule(Split(), users=users)
        data.setup("test")
        counts[users] = len(data.users)
    assert counts == {"speaker": 2, "persona": 6, "shared_sentences": 5}  # "" and anna; +4 sets; +3 people
    with pytest.raises(UserError, match=r"users='anybody' .* speaker, persona, shared_sentences, paml_kmeans"):
        datamodule(Split(), users="anybody")


def test_every_stage_has_the_same_users(datamodule):
    stages = [datamodule(Split(), users="shared_sentences") for _ in range(3)]
    for data, stage in zip(stages, ("fit", "test", None), strict=True):
        data.setup(stage)
    assert stages[0].users == stages[1].users == stages[2].users


def test_all_splits_are_fetched_first(datamodule):
    corpus = Split()
    data = datamodule(corpus, users="shared_sentences")
    data.prepare_data()
    assert corpus.prepared[0] == ("train", "valid", "test")


def test_no_table_is_reused_when_who_is_who_has_changed(datamodule, persona_map, tmp_path):
    """A person's id follows from all splits: another training file is another test table."""
    data = datamodule(Split(), users="shared_sentences")
    data.setup("test")
    before = {path.name for path in data.cache_dir.iterdir()}
    datamodule(Split(), users="shared_sentences").setup("test")
    assert {path.name for path in data.cache_dir.iterdir()} == before
    changed = Split()
    changed.changes["train"] = ((SINGS,), (DOGS,))
    again = datamodule(changed, users="shared_sentences")
    again.setup("test")
    assert len({path.name for path in data.cache_dir.iterdir()} - before) == 3
    assert again.example("test", 1).user != data.example("test", 1).user
    prints = [
        datamodule(Split(), users="shared_sentences", min_shared=k).describe("test") for k in (1, 2, "all_but_one")
    ]
    prints.append(datamodule(Split(), users="paml_kmeans", persona_map=persona_map).describe("test"))
    persona_map.write_text(json.dumps({"7": [["i sing"]]}))
    prints.append(datamodule(Split(), users="paml_kmeans", persona_map=persona_map).describe("test"))
    assert len({json.dumps(description) for description in prints}) == 5


# --- on the real files ---


def personas_of(path: Path) -> list[tuple[str, ...]]:
    return [dialogue.speakers[1].persona for dialogue in read_convai2(path)]


def test_convai2_validation_has_its_hundred_personas(convai2_valid):
    personas = personas_of(convai2_valid)
    for min_shared in (2, "all_but_one"):
        groups = match_personas(personas, min_shared=min_shared)
        dialogues = Counter(groups.index)
        assert len(groups.names) == 100
        assert sum(n >= 6 for n in dialogues.values()) == 99
        assert sum(dialogues.values()) == 1000
    revised = personas_of(convai2_valid.parent / "valid_self_revised_no_cands.txt")
    again = match_personas(revised).index  # other words, the same people
    assert len(set(zip(groups.index, again, strict=True))) == len(set(again)) == 100


def test_the_train_subset(convai2_valid):
    groups = match_personas(personas_of(convai2_valid.parent / "train_subset_self_original_no_cands.txt"))
    dialogues = Counter(groups.index).values()
    assert (len(groups.names), sum(n >= 6 for n in dialogues), sum(3 <= n < 6 for n in dialogues)) == (671, 1, 120)


@pytest.mark.parametrize(
    ("split", "by_two", "by_all_but_one"), [("train", 950, 957), ("valid", 100, 100), ("test", 100, 100)]
)
def test_people_behind_pamls_subsets(shared_data, split, by_two, by_all_but_one):
    """Of 955 + 100 + 100 personas; k-means was made to find 1,155 in the training split alone."""
    clusters = read_persona_map(shared_data / "convai2" / "persona_maps" / f"{split}_persona_map.json")
    subsets = [tuple(subset) for cluster in clusters.values() for subset in cluster]
    assert len(clusters) == {"train": 1155}.get(split, 100)
    assert len(match_personas(subsets).names) == by_two
    assert len(match_personas(subsets, min_shared="all_but_one").names) == by_all_but_one


def test_pamls_map_knows_every_validation_dialogue(shared_data, convai2_valid, caplog):
    maps = [shared_data / "convai2" / "persona_maps" / f"{split}_persona_map.json" for split in ("valid", "test")]
    personas = personas_of(convai2_valid)
    with caplog.at_level(logging.WARNING):
        groups = match_personas(personas, "paml_kmeans", persona_map=maps)
    assert len(groups.names) == 100
    assert all(name.startswith("valid_persona_map-") for name in groups.names)
    assert not caplog.text
    with pytest.raises(UserError, match="None of the 409 personas"):
        match_personas(personas, "paml_kmeans", persona_map=maps[1])


def test_the_datamodule_on_the_validation_file(datamodule, convai2_valid):
    corpus = ConvAI2Corpus(convai2_valid.parent, train_file=convai2_valid.name, download=False)
    data = datamodule(corpus, users="shared_sentences")
    data.setup("test")
    assert len(data.users) == 100
