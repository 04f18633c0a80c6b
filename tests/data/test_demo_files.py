"""Demo dialogues in the files of real corpora are read by the readers of these."""

from pathlib import Path

import pytest

from zoo.data.convai2 import read_convai2
from zoo.data.dailydialog import TOPICS, read_dailydialog
from zoo.data.demo import claims
from zoo.data.demo.__main__ import DIALOGUES, GENERAL, PEOPLE, write_demo
from zoo.data.matching import match_personas
from zoo.scorers.base import CONTRADICTION, ENTAILMENT, NEUTRAL
from zoo.scorers.pairs import dialogue_nli


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo")
    write_demo(made)
    return made


def test_labelled_pairs_say_what_the_grammar_knows(folder: Path) -> None:
    found = dialogue_nli(folder / "dnli", strip_period=False)
    splits = [found.train, found.valid, found.test]
    assert [len(pairs) > 200 for pairs in splits] == [True] * 3
    for pair in found.valid:
        said, other = claims(pair.premise), claims(pair.hypothesis)
        values, others = ({claim.slot: claim.value for claim in one} for one in (said, other))
        assert values
        assert others
        expected = NEUTRAL if not values.keys() & others.keys() else ENTAILMENT if values == others else CONTRADICTION
        assert pair.label == expected


@pytest.mark.parametrize("name", ["train", "valid", "valid_both"])
def test_people_are_told_apart_by_their_sentences(folder: Path, name: str) -> None:
    dialogues = read_convai2(folder / "convai2" / f"{name}.txt")
    own = [dialogue.speakers[1].persona for dialogue in dialogues]
    found = match_personas(own)
    assert len(found.names) == PEOPLE
    counted = sorted(found.index.count(group) for group in range(PEOPLE))
    assert counted == sorted(DIALOGUES * (PEOPLE // 2))
    assert bool(dialogues[0].speakers[0].persona) is (name == "valid_both")
    for dialogue in dialogues:
        for reply in dialogue.utterances[1::2]:
            assert len(set(reply.candidates)) == 20
            assert reply.candidates[-1] == reply.text


def test_nobody_is_in_training_and_validation(folder: Path) -> None:
    personas = [
        {dialogue.speakers[1].persona for dialogue in read_convai2(folder / "convai2" / f"{name}.txt")}
        for name in ("train", "valid")
    ]
    assert not personas[0] & personas[1]


def test_general_dialogues_have_the_topic_that_is_asked_for(folder: Path) -> None:
    for split, number in GENERAL.items():
        paths = [folder / "dailydialog" / f"dialogues_{kind}{split}.txt" for kind in ("", "topic_")]
        found = read_dailydialog(*paths, topic=TOPICS.index("relationship") + 1)
        assert len(found) == number
