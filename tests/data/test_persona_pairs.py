"""Dialogue pairs of personas, mixed with general ones: which pairs, whose, how split, and what is refused."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from zoo.data.corpora import ConvAI2Corpus
from zoo.data.dailydialog import DailyDialogCorpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.pairs import Pair, dialogue_pairs, hold_out, share, short_pairs
from zoo.data.persona_pairs import GENERAL_EVAL, PERSONA_EVAL, PersonaPairsCorpus
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

# --- pairs ---


def talk(name: str, texts: str, personas=(("i sing .",), ("i bake .",)), first: int = 0, responders=(1,)) -> Dialogue:
    said = tuple(Utterance((first + place) % 2, text) for place, text in enumerate(texts.split("|")))
    return Dialogue(name, (Speaker(personas[0]), Speaker(personas[1])), said, responders)


def test_pairs_of_one_or_both_sides():
    dialogue = talk("d", "a|b|c|d|e")
    both = dialogue_pairs([dialogue])
    assert [(pair.id, *pair.text, pair.persona[0]) for pair in both] == [
        ("d:1", "a", "b", "i bake ."),
        ("d:2", "b", "c", "i sing ."),
        ("d:3", "c", "d", "i bake ."),
        ("d:4", "d", "e", "i sing ."),
    ]
    assert [pair.id for pair in dialogue_pairs([dialogue], "self")] == ["d:1", "d:3"]
    with pytest.raises(UserError, match="sides='all'"):
        dialogue_pairs([dialogue], "all")


def test_silence_is_no_utterance():
    for silence in ("__SILENCE__", "__ silence __", " __Silence__ "):
        assert [pair.text for pair in dialogue_pairs([talk("d", f"{silence}|b|c")])] == [("b", "c")]
        assert dialogue_pairs([talk("d", f"a|{silence}|c")]) == []  # nor do its neighbours meet
    assert len(dialogue_pairs([talk("d", "silence .|b")])) == 1
    said = (Utterance(0, "a"), Utterance(1, "__SILENCE__"), Utterance(1, "c"))
    assert dialogue_pairs([Dialogue("d", (Speaker(), Speaker()), said)]) == []


def test_one_speaker_twice_is_no_pair():
    said = (Utterance(0, "a"), Utterance(0, "b"), Utterance(1, "c"))
    assert [pair.text for pair in dialogue_pairs([Dialogue("d", (Speaker(), Speaker()), said)])] == [("b", "c")]


def test_a_conversation_seen_from_both_sides_counts_once():
    """ConvAI2's training file has every dialogue twice; the second view opens with a silence and lacks the end."""
    sings, bakes = ("i sing .", "i swim ."), ("i bake .",)
    one = talk("d:1", "hi|hello|so ?|well|bye|bye", (sings, bakes))
    mirrored = talk("d:2", "__SILENCE__|hi|hello|so ?|well|bye", (bakes, sings[::-1]))
    pairs = dialogue_pairs([one, mirrored])
    assert [pair.id for pair in pairs] == [f"d:1:{index}" for index in range(1, 6)]
    sides = dialogue_pairs([one, mirrored], "self")
    assert [pair.id for pair in sides] == ["d:1:1", "d:1:3", "d:1:5", "d:2:3", "d:2:5"]
    assert len({pair.conversation for pair in sides}) == 1  # so that no split by dialogue parts them
    stranger = talk("d:3", "hi|hello|so ?|well|bye|bye", (sings, ("i am tall .",)))
    assert len(dialogue_pairs([one, stranger])) == 10


def test_short_pairs_are_below_the_limit_on_both_sides_and_different():
    long = "x" * 50
    dialogue = talk("d", f"Hi !|{long[1:]}|{long}|Yes .|HI !|{long[1:].upper()}")
    assert [pair.text for pair in short_pairs([dialogue], 50, lowercase=True)] == [
        ("hi !", long[1:]),
        ("yes .", "hi !"),
    ]
    assert len(short_pairs([dialogue], 50, lowercase=False)) == 3
    assert len(short_pairs([dialogue], 51, lowercase=True)) == 4
    assert len(short_pairs([dialogue], None, lowercase=True)) == 4


@pytest.mark.parametrize(("count", "tenth"), [(185, 19), (167, 17), (166, 17), (150, 15), (15, 2), (14, 1), (4, 0)])
def test_a_tenth_is_rounded_halves_upwards(count, tenth):
    assert share(count, 0.1) == tenth
    assert share(count, 1.0) == count


@pytest.mark.parametrize("unit", ["pair", "dialogue"])
def test_holding_out(unit):
    pairs = [Pair(f"{d}:{i}", str(d), f"{d}", f"{i}") for d in range(12) for i in range(1 + d % 4)]
    stay, taken = hold_out(pairs, 0.2, unit, random.Random(1))
    assert sorted([*stay, *taken], key=pairs.index) == pairs
    assert [pairs.index(pair) for pair in taken] == sorted(pairs.index(pair) for pair in taken)
    conversations = [{pair.conversation for pair in part} for part in (stay, taken)]
    if unit == "pair":
        assert len(taken) == 6
        assert conversations[0] & conversations[1]
    else:
        assert 6 <= len(taken) <= 9
        assert not conversations[0] & conversations[1]
    assert (stay, taken) == hold_out(pairs, 0.2, unit, random.Random(1))
    assert taken != hold_out(pairs, 0.2, unit, random.Random(2))[1]
    for few in (pairs[:1] + pairs[1:2], pairs[:3]):
        stay, taken = hold_out(few, 0.99, unit, random.Random(0))
        assert stay
        assert taken


# --- the corpus ---

BAKER = ("i bake bread .", "i'm tall .", "i own a boat .", "i like tea .")
SINGER = ("i sing .", "i don't swim .", "my car is red .", "i like soup .")
CLOWN = ("i am a clown .", "i juggle .", "i have two dogs .", "i live in oslo .")


class Personas:
    """Dialogues of three people, of whom each shows three of four sentences; "test" is "valid" again."""

    def __init__(self, turns: dict[str, int] | None = None):
        self.turns = turns or {"train": 7, "valid": 4, "test": 4}
        self.dialogues = {
            split: [
                talk(
                    f"{split.replace('test', 'valid')}:{number}",
                    "|".join(f"{split.replace('test', 'valid')} {number} {turn}" for turn in range(2 + number)),
                    (self._part(BAKER, number), self._part((SINGER, CLOWN)[number % 3 == 2], number)),
                )
                for number in range(count)
            ]
            for split, count in self.turns.items()
        }

    @staticmethod
    def _part(sentences: tuple[str, ...], number: int) -> tuple[str, ...]:
        spelt = [sentence if number % 2 else sentence.replace("'", " ") for sentence in sentences]
        return tuple(spelt[place] for place in range(4) if place != number % 4)

    def load(self, split: str) -> list[Dialogue]:
        return self.dialogues[split]

    def describe(self, split: str) -> dict:
        return {"turns": self.turns[split], "files": {}}


class General:
    """Small talk; the first dialogue of the test split is in the train split too."""

    def load(self, split: str) -> list[Dialogue]:
        words = {"train": "General", "test": "Test"}[split]
        shared = "Common Hi|Common Hello|Common Bye"
        return [talk(f"{split}:0", shared, ((), ()))] + [
            talk(f"{split}:{number}", f"{words} {number} a|{words} {number} b|{words} {number} c {'x' * 50}", ((), ()))
            for number in range(1, 60)
        ]

    def describe(self, split: str) -> dict:
        return {"general": split, "files": {}}


FEW = Personas({"train": 2, "valid": 2, "test": 2})


@pytest.fixture
def make() -> Callable[..., PersonaPairsCorpus]:
    def corpus(**options) -> PersonaPairsCorpus:
        personas, general = options.pop("personas", Personas()), options.pop("general", General())
        options = {"persona_splits": ("train", "valid", "test"), "general_eval_pairs": 12, **options}
        return PersonaPairsCorpus(personas, general, **options)

    return corpus


def users_of(dialogues: list[Dialogue]) -> Counter[str]:
    return Counter(dialogue.speakers[1].user for dialogue in dialogues)


def kinds_of(dialogues: list[Dialogue]) -> Counter[tuple[str, str]]:
    return Counter((dialogue.id.split("/")[0], dialogue.speakers[1].user) for dialogue in dialogues)


def test_every_pair_is_somewhere_once(make):
    corpus = make(num_personas=3)
    splits = {split: corpus.load(split) for split in ("train", "valid", "test")}
    everything = [dialogue for part in splits.values() for dialogue in part]
    assert len({dialogue.id for dialogue in everything}) == len(everything)
    own = [d for d in everything if d.id.startswith("persona")]
    # dialogue n of a split has n + 2 turns, so n + 1 pairs: 28 + 10; what valid and test have in common counts once
    assert len(own) == len({tuple(u.text for u in d.utterances) for d in own}) == 38
    report = corpus.report()
    assert (report["personas"], report["pairs"]) == (3, 38)
    assert report["general_pairs"] == {
        "train": 59 + sum(pair not in unseen(splits) for pair in COMMON),
        GENERAL_EVAL: 12,
    }
    assert len(report["users"]) == 3
    for user, counts in report["users"].items():
        kinds = {split: kinds_of(part) for split, part in splits.items()}
        for kind, split in (("persona", "train"), ("persona", "valid"), ("general", "train"), ("general", "valid")):
            assert counts.get(f"{kind}_{split}", 0) == kinds[split][kind, user]
        assert counts[PERSONA_EVAL] == kinds["test"][PERSONA_EVAL, user] == max(1, share(counts["pairs"], 0.1))
        assert counts[GENERAL_EVAL] == kinds["test"][GENERAL_EVAL, user] == 12
        assert counts["persona_train"] + counts["persona_valid"] + counts[PERSONA_EVAL] == counts["pairs"]
        training = counts["pairs"] - counts[PERSONA_EVAL]
        assert counts["persona_valid"] == max(1, share(training, 0.1))
        assert counts["general_train"] + counts["general_valid"] == training  # 1:1


COMMON = [("common hi", "common hello"), ("common hello", "common bye")]


def unseen(splits: dict[str, list[Dialogue]]) -> set[tuple[str, ...]]:
    return {tuple(u.text for u in d.utterances) for d in splits["test"] if d.id.startswith(GENERAL_EVAL)}


def test_what_a_pair_is(make):
    corpus = make(num_personas=2)
    for split in ("train", "valid", "test"):
        for dialogue in corpus.load(split):
            kind, user, _ = dialogue.id.split("/")
            assert kind in ((PERSONA_EVAL, GENERAL_EVAL) if split == "test" else ("persona", "general"))
            assert dialogue.speakers[0] == Speaker()
            assert dialogue.speakers[1].user == user
            assert dialogue.responders == (1,)
            assert [utterance.speaker for utterance in dialogue.utterances] == [0, 1]
            assert len(dialogue.speakers[1].persona) == 4  # the whole group's, each sentence in one spelling
            if kind.startswith("general"):
                assert all(u.text == u.text.lower() and len(u.text) < 50 for u in dialogue.utterances)
    baker = corpus.load("train")[0].speakers[1].persona
    assert baker == ("i bake bread .", "i own a boat .", "i like tea .", "i m tall .")  # as they first appear


def test_the_sentences_of_the_own_dialogue(make):
    corpus = make(num_personas=1, persona_sentences="shown")
    lengths = {(d.id.split("/")[0], len(d.speakers[1].persona)) for d in corpus.load("train")}
    assert lengths == {("persona", 3), ("general", 4)}


def test_nothing_of_a_test_set_is_trained_on(make):
    for seed in range(8):
        corpus = make(num_personas=3, seed=seed, general_eval_pairs=60)
        splits = {split: corpus.load(split) for split in ("train", "valid", "test")}
        texts = {split: {tuple(u.text for u in d.utterances) for d in part} for split, part in splits.items()}
        assert not texts["test"] & (texts["train"] | texts["valid"])
        general = [unseen({"test": [d for d in splits["test"] if user in d.id]}) for user in users_of(splits["test"])]
        assert all(one == general[0] for one in general)  # the same utterances for all
    samples = [
        {d.utterances for d in splits["train"] if d.id.startswith(f"general/{user}")}
        for user in users_of(splits["train"])
    ]
    assert samples[0] != samples[1] != samples[2]
    pool = [Pair(f"g:{number}", "g", "hi", str(number)) for number in range(90)]
    own = [Pair(f"p:{number}", "p", "hi", str(number)) for number in range(40)]
    one, other = (corpus._parts(user, own, pool) for user in ("anna", "ben"))
    assert all(one[part] != other[part] for part in one)


def test_by_dialogue(make):
    for seed in range(5):
        corpus = make(num_personas=3, split_unit="dialogue", seed=seed)
        for user in corpus.report()["users"]:
            of = [
                conversations(d for d in corpus.load(split) if d.id.startswith("persona") and user in d.id)
                for split in ("train", "valid", "test")
            ]
            assert all(of)
            assert len(of[0] | of[1] | of[2]) == sum(map(len, of))
    mixed = make(num_personas=3, seed=1)
    assert conversations(mixed.load("train")) & conversations(mixed.load("test"))


def conversations(dialogues: Iterable[Dialogue]) -> set[str]:
    return {dialogue.id.split("/")[2].rpartition(":")[0] for dialogue in dialogues}


def test_a_persona_depends_on_no_other(make):
    one, three = make(num_personas=1), make(num_personas=3)
    (user,) = one.report()["users"]
    for split in ("train", "valid", "test"):
        assert one.load(split) == [d for d in three.load(split) if f"/{user}/" in d.id]
    second = make(num_personas=3, rank=2)
    chosen = list(three.report()["users"])
    assert list(second.report()["users"]) == [chosen[1]]
    assert second.load("train") == [d for d in three.load("train") if f"/{chosen[1]}/" in d.id]
    assert make(num_personas=1, seed=1).load("train") != one.load("train")
    assert make(num_personas=1).load("train") == one.load("train")


def test_choosing(make):
    counts = [counts["pairs"] for counts in make(num_personas=3).report()["users"].values()]
    assert counts == sorted(counts, reverse=True)
    assert [c["pairs"] for c in make(num_personas=None, min_pairs=counts[1]).report()["users"].values()] == counts[:2]
    assert len(make(sides="self", num_personas=None, min_pairs=3).report()["users"]) == 2  # the baker answers nobody


def test_without_general_pairs(make):
    corpus = make(num_personas=1, general_per_persona=0, general_eval_pairs=0, general=None)
    assert corpus.test_sets() == (PERSONA_EVAL,)
    assert {d.id.split("/")[0] for s in ("train", "valid", "test") for d in corpus.load(s)} == {"persona", PERSONA_EVAL}
    few = make(num_personas=1, general_per_persona=0.05)  # one pair: nothing of it for validation
    (counts,) = few.report()["users"].values()
    assert (counts["general_train"], counts.get("general_valid")) == (1, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_personas": 4}, r"num_personas=4 .* have 3 personas"),
        ({"num_personas": None, "min_pairs": 100}, r"min_pairs=100 pairs; the most that one has is 16"),
        ({"num_personas": 3, "personas": FEW}, "have 2 personas"),
        ({"num_personas": 2, "personas": FEW}, r"has 2 pairs; expected at least 3"),
        ({"num_personas": 2, "split_unit": "dialogue", "personas": FEW},
         r"has 2 dialogues; expected at least 3"),
        ({"general_per_persona": 9.0}, r"wants 1\d\d general ones for them, but there are \d\d .*general_per_persona"),
        ({"general_eval_pairs": 500}, r"general_eval_pairs=500 .* has 61 general pairs \(different ones, both"),
        ({"max_general_chars": 3}, "general_eval_pairs=12 .* has 0 general pairs"),
        ({"sides": "left"}, "sides='left'"),
        ({"matching": "exact"}, "matching='exact'"),
        ({"persona_sentences": "all"}, "persona_sentences='all'"),
        ({"split_unit": "turn"}, "split_unit='turn'"),
        ({"test_fraction": 0}, "test_fraction=0"),
        ({"valid_fraction": 1}, "valid_fraction=1"),
        ({"general_per_persona": -1}, "general_per_persona=-1"),
        ({"num_personas": 0}, "num_personas=0"),
        ({"num_personas": 2, "rank": 3}, "rank=3"),
        ({"num_personas": None, "min_pairs": 3, "rank": 9}, "rank=9 was given, but 3 personas"),
    ],
)  # fmt: skip
def test_mistakes(make, options, words):
    with pytest.raises(UserError, match=words):
        make(**options).load("train")


def test_files_that_show_one_persona(make):
    class OneSided(Personas):
        def load(self, split: str) -> list[Dialogue]:
            return [Dialogue(d.id, (Speaker(), d.speakers[1]), d.utterances) for d in super().load(split)]

    with pytest.raises(UserError, match=r"have a responder without persona sentences.*data\.sides=self"):
        make(personas=OneSided()).load("train")
    assert make(personas=OneSided(), sides="self", num_personas=2).load("train")


def test_other_dialogues_of_one_id(make):
    personas = Personas()
    personas.dialogues["test"] = personas.dialogues["train"]
    assert make(personas=personas).report()["pairs"] == 38
    personas.dialogues["test"] = [talk("train:0", "other|words")]
    with pytest.raises(UserError, match=r"Two dialogues of .* have the id 'train:0'"):
        make(personas=personas).load("train")


def test_missing_files_are_named(tmp_path, make):
    with pytest.raises(UserError, match=r"train_both_original"):
        make(personas=ConvAI2Corpus(tmp_path, persona_view="both", download=False)).load("train")
    with pytest.raises(UserError, match=r"dialogues_train\.txt"):
        make(general=DailyDialogCorpus(tmp_path, "relationship")).load("train")


def test_in_a_datamodule(make, small_tokenizer, tmp_path):
    def datamodule(**options) -> DialogueDataModule:
        return DialogueDataModule(make(**options), DialogueTemplate(small_tokenizer()), cache_dir=tmp_path / "cache")

    data = datamodule(num_personas=2)
    data.setup()
    assert data.test_sets == (PERSONA_EVAL, GENERAL_EVAL)
    assert data.users == sorted(make(num_personas=2).report()["users"])
    sets = Counter(data.test_set_of(data.example("test", row)) for row in range(len(data.table("test"))))
    provenance = data.provenance()
    assert provenance["splits"]["test"]["test_sets"] == sets == {PERSONA_EVAL: 4, GENERAL_EVAL: 24}
    assert provenance["report"] == make(num_personas=2).report()
    before = len(list(data.cache_dir.iterdir()))
    datamodule(num_personas=2).setup()
    assert len(list(data.cache_dir.iterdir())) == before
    for options in ({"general_eval_pairs": 11}, {"split_unit": "dialogue"}, {"min_shared": 1}, {"seed": 5}):
        datamodule(num_personas=2, **options).setup("test")
        assert len(list(data.cache_dir.iterdir())) == (before := before + 3), options


@pytest.mark.parametrize(
    "names", [("persona_eval",), ("persona_eval", "general_eval", "third"), ("a/b", "general_eval")]
)
def test_test_sets_that_are_not_there(make, small_tokenizer, tmp_path, names):
    corpus = make(num_personas=2)
    corpus.test_sets = lambda: names
    with pytest.raises(UserError, match=r"The corpus names the test sets .* begin with general_eval, persona_eval"):
        DialogueDataModule(corpus, DialogueTemplate(small_tokenizer()), cache_dir=tmp_path).setup("test")


# --- on the real files ---


@pytest.fixture
def real(shared_data: Path) -> Callable[..., PersonaPairsCorpus]:
    def corpus(**options) -> PersonaPairsCorpus:
        personas = ConvAI2Corpus(
            shared_data / "convai2",
            persona_view="both",
            valid_file="valid_both_original_no_cands.txt",
            download=False,
        )
        return PersonaPairsCorpus(personas, DailyDialogCorpus(shared_data / "dailydialog", "relationship"), **options)

    return corpus


def test_the_papers_three_personas(real):
    """Section 4.1: "185, 167, and 166, respectively"; 9:1; mixed 1:1."""
    report = real().report()
    assert (report["personas"], report["pairs"]) == (100, 14_602)
    users = list(report["users"].values())
    assert [counts["pairs"] for counts in users] == [185, 167, 166]
    assert [counts[PERSONA_EVAL] for counts in users] == [19, 17, 17]
    assert [counts["persona_train"] + counts["persona_valid"] for counts in users] == [166, 150, 149]
    assert [counts["general_train"] + counts["general_valid"] for counts in users] == [166, 150, 149]
    assert {counts[GENERAL_EVAL] for counts in users} == {50}
    assert report["general_pairs"]["train"] > 4_800
    assert real(persona_splits=("valid", "test")).report() == report  # ConvAI2's test file is its validation file


def test_one_side_and_all_personas(real):
    assert [c["pairs"] for c in real(sides="self").report()["users"].values()] == [139, 126, 124]
    everybody = real(num_personas=None, split_unit="dialogue").report()["users"]
    assert len(everybody) == 100
    assert sum(counts["pairs"] for counts in everybody.values()) == 14_602


def test_general_pairs_of_the_real_files(shared_data):
    """All of them; without dialogues that the file has again; of different wordings, in lower case."""
    corpus = DailyDialogCorpus(shared_data / "dailydialog", "relationship")
    counts = {}
    for split in ("train", "valid", "test"):
        dialogues = corpus.load(split)
        texts = [[len(utterance.text) for utterance in dialogue.utterances] for dialogue in dialogues]
        adjacent = sum(one < 50 and other < 50 for said in texts for one, other in itertools.pairwise(said))
        again = sum(max(map(len, pair.text)) < 50 for pair in dialogue_pairs(dialogues))
        counts[split] = (adjacent, again, len(short_pairs(dialogues, 50, lowercase=True)))
    assert counts == {"train": (5512, 5037, 4882), "valid": (146, 146, 146), "test": (667, 654, 651)}


def test_the_configuration(composed: Callable[..., DictConfig], shared_data: Path, tmp_path: Path):
    from hydra.utils import instantiate

    cfg = composed(
        "data=persona_pairs",
        "data.name=convai2",
        f"data.root={shared_data}/convai2",
        "data.valid_file=valid_both_original_no_cands.txt",
        f"data.general_root={shared_data}/dailydialog",
        "data.download=false",
        "seed=7",
    )
    OmegaConf.resolve(cfg)
    corpus = instantiate(cfg.data.corpus)
    assert [counts["pairs"] for counts in corpus.report()["users"].values()] == [185, 167, 166]
    assert corpus.seed == 7
