"""What a run's users really said: the replies of its training data, and who else said the same."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra.utils import instantiate

from zoo.data.examples import examples_from_dialogues
from zoo.errors import UserError
from zoo.evidence.runs import configuration
from zoo.metrics.japanese import unify

_WORD = re.compile(r"\w+")


def plain_words(text: str) -> str:
    """What "word for word" compares: letters and digits in NFKC and lower case, one blank for all between them.

    >>> plain_words("Yes , I 'm  ＯＫ !")
    'yes i m ok'
    """
    return " ".join(_WORD.findall(unify(text).lower()))


@dataclass(frozen=True)
class RealReplies:
    """Users' replies in the training data.

    Attributes:
        texts: by user, replies with a word in them, those of equal words once.
    """

    texts: Mapping[str, Collection[str]]

    @cached_property
    def sayers(self) -> dict[str, set[str]]:
        """By a reply's words: who said them."""
        found: dict[str, set[str]] = {}
        for user, texts in self.texts.items():
            for text in texts:
                found.setdefault(plain_words(text), set()).add(user)
        return found

    @cached_property
    def distinctive(self) -> dict[str, list[str]]:
        """By user, the replies that nobody else said; users without any are left out."""
        own = {user: [t for t in texts if len(self.sayers[plain_words(t)]) == 1] for user, texts in self.texts.items()}
        return {user: texts for user, texts in own.items() if texts}


def read_real_replies(run_dir: Path) -> RealReplies:
    """Replies of the training split that config.yaml describes, as the datamodule names its users.

    Of data in halves both count: what users said in the adaptation's half was learnt too, by the backbone.

    Raises:
        UserError: the run tells no data, the data cannot be read, or name no users.
    """
    data = configuration(run_dir).get("data")
    if data is None or "datamodule" not in data:
        raise UserError(f"{run_dir / 'config.yaml'} describes no data.datamodule; expected the directory of a run.")
    corpus = data.datamodule.get("corpus")
    whole = {"corpus": {"half": None}} if corpus is not None and "half" in corpus else {}
    datamodule = instantiate(data.datamodule, template=None, **whole)  # nothing is tokenised
    dialogues = datamodule.corpus.load("train")
    said: dict[str, dict[str, str]] = {}  # user -> words -> text
    for example in examples_from_dialogues(dialogues, users=datamodule.users_rule):
        if example.user and (words := plain_words(example.response)):
            said.setdefault(example.user, {}).setdefault(words, example.response)
    if len(said) < 2:
        raise UserError(
            f"The training data of {run_dir} name {len(said)} users; expected at least two, one of whom could be taken "
            "for another. Choose data with users, or say who is who by data.users=."
        )
    return RealReplies({user: list(texts.values()) for user, texts in sorted(said.items())})
