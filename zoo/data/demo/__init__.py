"""The embedded demo corpus: a seeded grammar of persona dialogues whose truth can be checked.

`demo_dialogues` writes the corpus, `check_reply` judges a reply against it; the words are in `zoo.data.demo_lexicon`.
"""

from zoo.data.demo.check import Claim, ReplyCheck, Verdict, check_reply, claims
from zoo.data.demo.dialogues import demo_dialogues, demo_dialogues_between
from zoo.data.demo.personas import PEOPLE, Person, people

__all__ = [
    "PEOPLE",
    "Claim",
    "Person",
    "ReplyCheck",
    "Verdict",
    "check_reply",
    "claims",
    "demo_dialogues",
    "demo_dialogues_between",
    "people",
]
