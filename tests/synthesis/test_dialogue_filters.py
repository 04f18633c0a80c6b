"""Each filter removes what it should, at the edges too; survival only falls; nothing is held longer than needed."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from tests.conftest import ROOT
from zoo.data.persona_lexicon import read_lexicon
from zoo.errors import UserError
from zoo.language_models.grammar.lm import GrammarLm
from zoo.scorers.lexical_contradiction import LexicalContradiction
from zoo.scorers.lexical_toxicity import LexicalToxicity
from zoo.scorers.text_scorers import ContradictionScorer, ToxicityScorer
from zoo.synthesis.analyses.copying import copying
from zoo.synthesis.chat.chat_prompts import ChatPrompt
from zoo.synthesis.chat.dialogue_filters import CopyPaste, DialogueFilter, Toxicity, filtered
from zoo.synthesis.chat.dialogues import DialogueWriter
from zoo.synthesis.chat.persona_pairs import Pair, draw_pairs
from zoo.synthesis.dialogues_stage import dialogue_filters_of
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue
from zoo.synthesis.taxonomy import GROUPS, read_taxonomy
from zoo.synthesis.words import rude_words, slot_words

A = ("I have two dogs.", "I bake bread daily.", "I like the sea.")
B = ("I am never late.", "I have two dogs.")
PLAIN = ("Hi there!", "Hello, you.", "Nice weather today.", "It is.")
AT_EDGE = "i have two dogs and a cat"  # 2 * 4 / (4 + 6) = 0.8 with the first sentence
AT_EDGE_TOO = "So I bake bread daily, always"  # 2 * 4 / (4 + 6) with the second


class Negation(ContradictionScorer):
    """A hypothesis with "no" in it contradicts every premise, with "hardly" just not above 0.9."""

    kind, identity = "negation", "0"

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []

    def score(self, asked: Sequence[tuple[str, str]]) -> Tensor:
        self.asked.append(list(asked))
        known = {"no": 0.95, "hardly": 0.9}
        return torch.tensor([known.get(hypothesis.split()[0].lower().strip("."), 0.1) for _, hypothesis in asked])


class Shouting(ToxicityScorer):
    """The share of capitals."""

    kind, identity = "shouting", "0"

    def score(self, asked: Sequence[str]) -> Tensor:
        return torch.tensor([sum(map(str.isupper, text)) / len(text) for text in asked])


def dialogue(*utterances: str, id: str = "d") -> SyntheticDialogue:
    return SyntheticDialogue(id, (A, B), utterances, {"seed": 1}, {"before": 1.0})


def filters(
    side: str,
    contradiction: ContradictionScorer | None = None,
    toxicity: ToxicityScorer | None = None,
    chunk: int = 64,
) -> tuple[DialogueFilter, ...]:
    """Those of a choice of conf/dialogue_filters, as a run has them."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        settings = compose("synthesis", [f"dialogue_filters@dialogues.filters={side}"]).dialogues.filters
    for one in settings.values():
        one.chunk = chunk
    return dialogue_filters_of(settings, contradiction or Negation(), toxicity or Shouting())


def test_copies_at_exactly_0_8_in_the_codes_way_and_in_the_papers():
    edge = dialogue(AT_EDGE, "Hello.", AT_EDGE_TOO, "Hello.")
    (one,) = CopyPaste(drop_from=9).kept([edge])
    assert one.scores == {"before": 1.0, "copied_a": 2, "copied_b": 0, "copy_f1": 0.8}
    (one,) = CopyPaste(drop_from=9, inclusive=False).kept([edge])
    assert one.scores["copied_a"] == 0
    assert list(filters("code")[0].kept([edge])) == []
    assert len(list(filters("paper")[0].kept([edge]))) == 1


def test_0_8_is_exact_where_parlais_own_formula_is_not():
    for sentence, said in (("a1 b c d e", "a1 b c d f"), ("b c d e f g h", "b c d e f g i j")):
        one = SyntheticDialogue("d", ((sentence,), ()), (said,))
        assert list(CopyPaste(drop_from=1).kept([one])) == []
        assert len(list(CopyPaste(drop_from=1, inclusive=False).kept([one]))) == 1


@pytest.mark.parametrize("side", ["code", "paper"])
def test_one_copy_of_each_persona_is_kept_two_of_one_are_not(side):
    keep = filters(side)[0]
    one_each = dialogue(A[0], B[0], "Yes.", "No.", id="one each")
    two = dialogue(A[0], "Hi.", A[1], "No.", id="two of A")
    twice = dialogue(A[0], "Hi.", A[0], "No.", id="one sentence twice")
    of_the_other = dialogue(B[0], A[1], "Yes.", A[2], id="the other's")
    two_of_b = dialogue("Hi.", B[0], "Yes.", B[1], id="two of B")
    kept = list(keep.kept([one_each, two, twice, of_the_other, two_of_b]))
    assert [one.id for one in kept] == ["one each", "one sentence twice", "the other's"]
    assert (kept[0].scores["copied_a"], kept[0].scores["copied_b"]) == (1, 1)


def test_consistency_asks_for_own_pairs_and_counts_in_two_ways():
    scorer = Negation()
    hardly = dialogue("Hardly.", "Hardly.", id="not above 0.9")
    one = dialogue("Hi.", "Hi.", "Yes.", "No way.", id="one utterance, two pairs of B")
    short = SyntheticDialogue("one pair", (A[:1], B), ("No dogs.", "", "Hi."))
    each = SyntheticDialogue("one pair each", (A[:1], B[:1]), ("No dogs.", "No."))
    kept = {side: list(filters(side, scorer)[1].kept([hardly, one, short, each])) for side in ("code", "paper")}
    assert [dialogue.id for dialogue in kept["code"]] == ["not above 0.9"]
    assert [dialogue.id for dialogue in kept["paper"]] == ["not above 0.9", "one pair", "one pair each"]
    assert kept["paper"][1].scores == {"contradicted_a": 1, "contradicted_b": 0, "contradiction": 0.95}
    assert kept["code"][0].scores["contradiction"] == 0.9
    (asked,) = scorer.asked[:1]  # one call for all
    assert asked[:5] == [(sentence, "Hardly.") for sentence in (*A, *B)]
    assert len(asked) == 5 + (3 * 2 + 2 * 2) + 2 + 2
    assert all(hypothesis for _, hypothesis in asked)


def test_toxicity_is_of_any_utterance():
    rude = dialogue("Hi.", "Hello.", "NO, NOOOOO", "Oh.", id="rude")
    edge = dialogue("HELLO A aa", id="at the threshold")  # 6 of 10 characters
    kept = list(Toxicity(Shouting()).kept([rude, dialogue("", id="silent"), edge]))
    assert [one.id for one in kept] == ["silent", "at the threshold"]
    assert [one.scores["toxicity"] for one in kept] == [0.0, 0.6]
    assert list(Toxicity(Shouting(), threshold=0.6).kept([edge])) == [kept[1]]
    assert list(Toxicity(Shouting(), threshold=0.59).kept([edge])) == []


def mixed(n: int) -> list[SyntheticDialogue]:
    """Every third recites, every fifth contradicts, every seventh shouts."""
    return [
        dialogue(
            *("Hi.", "Hello.", A[0], "So?", A[1] if k % 3 == 0 else "Well.", "GO AWAY" if k % 7 == 0 else "Really."),
            *(("No dogs.",) if k % 5 == 0 else ("Fine.",)),
            id=f"d{k}",
        )
        for k in range(1, n + 1)
    ]


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("side", ["code", "paper"])
def test_survival_falls_and_does_not_depend_on_chunks(side, chunk):
    funnel = Funnel("raw")
    kept = list(filtered(mixed(105), filters(side, chunk=chunk), funnel))
    assert [one.id for one in kept] == [f"d{k}" for k in range(1, 106) if k % 3 and k % 5 and k % 7]
    assert funnel.to_dict() == {"raw": 105, "copy_paste": 70, "consistency": 56, "toxicity": 48}
    shares = [stage.cumulative for stage in funnel.rows()]
    assert shares == sorted(shares, reverse=True)
    assert set(kept[0].scores) >= {"before", "copied_a", "copied_b", "contradicted_a", "contradiction", "toxicity"}
    assert kept[0].source == {"seed": 1}


def test_no_more_is_read_ahead_than_a_chunk():
    read = []

    def dialogues() -> Iterator[SyntheticDialogue]:
        for one in mixed(100):
            read.append(one)
            yield one

    stream = filtered(dialogues(), filters("code", chunk=2), Funnel("raw"))
    assert read == []
    next(stream)
    assert len(read) <= 2 + 2 + 2


def test_nothing_and_empty_dialogues_pass_quietly():
    funnel = Funnel("raw")
    assert list(filtered([], filters("code"), funnel)) == []
    assert set(funnel.to_dict().values()) == {0}
    silent = [dialogue("", "", "", ""), SyntheticDialogue("none", ((), ()), ())]
    assert len(list(filtered(silent, filters("code"), Funnel("raw")))) == 2
    assert list(CopyPaste().kept([dialogue("word " * 2500)]))


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Sets of the lexicon's sentences: two demographic ones, two psychographic ones and one of wellness."""
    draw, taxonomy, lexicon = random.Random(0), read_taxonomy(), read_lexicon()
    sets = []
    for k in range(20):
        leaves = [
            lexicon.leaves[leaf.id]
            for group, n in zip(GROUPS, (2, 2, 1), strict=True)
            for leaf in draw.sample([leaf for leaf in taxonomy.leaves.values() if leaf.group == group], n)
        ]
        drawn = [(leaf, draw.choice(leaf.values), draw.choice(leaf.templates)) for leaf in leaves]
        sentences = (
            ProfileSentence(text.format(value=value), leaf.leaf, leaf.key, value) for leaf, value, text in drawn
        )
        sets.append(PersonaSet(f"s{k}", tuple(sentences)))
    return draw_pairs(sets, 40, seed=0)


def test_what_the_grammar_wrote_survives_in_part_and_raw_copies_more(pairs: list[Pair]):
    scorers = LexicalContradiction(slot_words()), LexicalToxicity(rude_words())
    left, copied = {}, {}
    for implicit in (True, False):
        funnel = Funnel("raw")
        written = list(DialogueWriter(ChatPrompt(implicit=implicit)).write(GrammarLm(), pairs))
        kept = list(filtered(written, filters("code", *scorers), funnel))
        assert funnel.rows()[0].count == len(written) >= 38
        assert all(a.count >= b.count for a, b in pairwise(funnel.rows()))
        assert len(kept) == funnel.rows()[-1].count
        paper = list(filtered(written, filters("paper", *scorers), Funnel("raw")))
        assert {row.id for row in kept} <= {row.id for row in paper}  # the code's readings are the stricter ones
        left[implicit] = funnel.to_dict()
        copied[implicit] = copying("", written).f1
    assert 0.5 < left[True]["copy_paste"] / left[True]["raw"] < 0.95
    assert 0.4 < left[True]["consistency"] / left[True]["copy_paste"] < 0.95
    assert copied[True] < copied[False]
    assert left[True]["copy_paste"] > left[False]["copy_paste"]


def test_settings_that_are_none():
    for settings in ({"threshold": 1.2}, {"drop_from": 0}, {"chunk": 0}):
        with pytest.raises(UserError, match="for the filter copy_paste; expected"):
            CopyPaste(**settings)
