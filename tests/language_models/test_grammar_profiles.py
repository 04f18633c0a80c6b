"""The grammar writes profile sentences as ProfileGen's prompt asks, and fails as often as it is told to."""

import re
from collections import Counter
from math import sqrt

import pytest

from zoo.data.persona_lexicon import read_lexicon
from zoo.language_models.base import Request
from zoo.language_models.grammar.lm import GrammarLm
from zoo.language_models.grammar.profile import read_profile_prompt
from zoo.synthesis.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
CLEAN = {"malformed": 0, "absent": 0, "other_category": 0, "decorated": 0, "short_list": 0, "run_on": 0}
APPENDIX_J = re.compile(r"(?P<utter>.*)[\(|\[](?P<attr>.*): (?P<value>.*)[\)|\]]")


def block(path: str, key: str, sign: str = "### ", blank: str = "\n") -> str:
    return (
        f"{sign}User's persona: {path}\n{blank}Generate five profile sentences related to the given user's persona and "
        f'the "{key}" in each sentence:\n1.'
    )


SHOT = block("Want | Activity", "activity") + " I hope to see Rome. (activity: travel)\n2. Ski! (activity: skiing)\n\n"


def lines(answer: str) -> list[str]:
    """The five sentences as the released code splits them."""
    assert answer.startswith(" ")
    return re.split(r"\n[2-5]\. ", answer[1:])


@pytest.mark.parametrize(("sign", "blank"), [("### ", "\n"), ("", "")])
@pytest.mark.parametrize("shot", [SHOT, ""])
def test_every_leaf_gets_five_well_formed_sentences_of_its_own(shot: str, sign: str, blank: str) -> None:
    model = GrammarLm(**CLEAN)
    leaves = list(TAXONOMY.leaves.values())
    assert len(leaves) == 51
    answers = model.complete([Request(shot + block(leaf.path, leaf.key, sign, blank), 128) for leaf in leaves])
    for leaf, answer in zip(leaves, answers, strict=True):
        words = read_lexicon().leaves[leaf.id]
        assert len(set(lines(answer))) == 5
        for line in lines(answer):
            found = APPENDIX_J.fullmatch(line)
            assert found, line
            assert found["attr"] == leaf.key
            assert found["value"] in words.values
            sentence = found["utter"].removesuffix(" ")
            assert any(template.replace("{value}", found["value"]) == sentence for template in words.templates), line


def test_only_the_last_block_counts() -> None:
    last = block("Age", "age")
    assert read_profile_prompt(block("Preference | Drink", "drink") + " I sip tea. (drink: tea)\n\n" + last) is not None
    found = read_profile_prompt(SHOT + last)
    assert found is not None
    assert (found.path, found.key) == ("Age", "age")
    for prompt in (SHOT, last + " I am 20.", "Age: 1.", ""):
        assert read_profile_prompt(prompt) is None


def test_unknown_keys_are_answered_by_the_leaf_most_like_them() -> None:
    profiles = GrammarLm().profiles
    assert profiles.leaf("Hobby | Ability", "ability").leaf == "like_hobby"
    assert profiles.leaf("Preference | Animal", "animal").leaf == "like_animal"
    assert profiles.leaf("Possession | Animal", "animal").leaf == "have_pet_animal"
    assert profiles.leaf("X", "zzz") is profiles.leaf("X", "zzz")
    (answer,) = GrammarLm(**CLEAN).complete([Request(block("X", "zzz"), 128)])
    assert all("(zzz: " in line for line in lines(answer))


def raw(**noise: float) -> list[tuple[str, str]]:
    """(leaf, line) of 2,550 or more sentences at these settings, the others off."""
    model = GrammarLm(**(CLEAN | noise))
    requests = [(leaf, Request(block(leaf.path, leaf.key), 128, stop=("###",), seed=seed)) for seed in range(10)
                for leaf in TAXONOMY.leaves.values()]  # fmt: skip
    answers = model.complete([request for _, request in requests])
    return [(leaf.id, line) for (leaf, _), answer in zip(requests, answers, strict=True) for line in lines(answer)]


def near(share: float, expected: float, n: int) -> bool:
    """Within four standard errors of a binomial share: a right rate fails one test in 16,000."""
    return abs(share - expected) <= 4 * sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize("rate", [0.0624, 0.5])
def test_malformed_lines(rate: float) -> None:
    made = [line for _, line in raw(malformed=rate)]
    bad = [line for line in made if not APPENDIX_J.match(line)]
    assert near(len(bad) / len(made), rate, len(made))
    assert {("(" in line, ")" in line, ":" in line) for line in bad} == {
        (False, False, False),
        (True, True, False),
        (True, False, True),
        (True, True, True),
    }


@pytest.mark.parametrize("rate", [0.369, 0.8])
def test_absent_values(rate: float) -> None:
    found = [APPENDIX_J.fullmatch(line) for _, line in raw(absent=rate)]
    absent = [match for match in found if match and match["value"].lower() not in match["utter"].lower()]
    assert None not in found
    assert near(len(absent) / len(found), rate, len(found))


def test_no_absent_value_is_there_by_chance() -> None:
    for _, line in raw(absent=1):
        found = APPENDIX_J.fullmatch(line)
        assert found
        assert found["value"].lower() not in found["utter"].lower()


def test_sentences_of_other_categories() -> None:
    rate, lexicon = 0.19, read_lexicon()
    model = GrammarLm()
    made = raw(other_category=rate)
    other = 0
    for leaf, line in made:
        found = APPENDIX_J.fullmatch(line)
        assert found
        assert found["value"] in found["utter"]
        about = model.profiles.sentences.fact(found["utter"].strip()).leaf
        assert about
        if about.key != lexicon.leaves[leaf].key:
            other += 1
            cues = lexicon.cues(lexicon.leaves[leaf].key)
            assert not any(cue in line.partition("(")[0].lower() for cue in cues), line
        else:
            assert about.leaf == leaf
    assert near(other / len(made), rate, len(made))


def test_rates_are_conditional() -> None:
    made = raw(malformed=0.3, absent=0.4, other_category=0.5)
    formed = [(leaf, found) for leaf, line in made if (found := APPENDIX_J.match(line))]
    exact = [(leaf, found) for leaf, found in formed if found["value"] in found["utter"]]
    fact = GrammarLm().profiles.sentences.fact
    right = [leaf for leaf, found in exact if (about := fact(found["utter"].strip()).leaf) and about.leaf == leaf]
    assert near(len(formed) / len(made), 0.7, len(made))
    assert near(len(exact) / len(formed), 0.6, len(formed))
    assert near(len(right) / len(exact), 0.5, len(exact))


def test_skew_and_decoration_set_how_much_repeats() -> None:
    def share(**noise: float) -> float:
        return len(set(made := raw(**noise))) / len(made)

    assert share(skew=3) < share(skew=0.75) < share(skew=0.75, decorated=0.25)
    values = [Counter(line.partition(": ")[2] for _, line in raw(skew=skew)) for skew in (0, 3)]
    assert values[1].most_common(1)[0][1] > 2 * values[0].most_common(1)[0][1]
    popular = Counter(line.partition(" (")[0] for _, line in raw(skew=3))
    assert popular.most_common(1)[0][1] > 5


def test_lists_end_early_or_run_on() -> None:
    model = GrammarLm(**(CLEAN | {"short_list": 1}))
    answers = model.complete([Request(block("Age", "age"), 128, seed=seed) for seed in range(60)])
    assert {len(lines(answer)) for answer in answers} == {1, 2, 3, 4}
    model = GrammarLm(**(CLEAN | {"run_on": 1}))
    (free,) = model.complete([Request(block("Age", "age"), 128)])
    (stopped,) = model.complete([Request(block("Age", "age"), 128, stop=("###",))])
    assert "\n\n### User's persona: " in free
    assert stopped == free[: free.index("###")]
