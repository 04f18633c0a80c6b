"""Reply pairs for dialogue pre-training: any number, of other users than those of the dialogues, each made when read.

Source: Otsuka et al., section 4.1.1: 1.3 billion pairs of an utterance and its reply by a million users whose inferred
profiles are partly known (77/77/71/72 % of age, gender, occupation, location).
"""

from collections.abc import Iterator
from functools import lru_cache

from zoo.data.demo.draws import Draws
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.synthetic_users.corpus import speaker_of
from zoo.data.synthetic_users.dialogues import converse
from zoo.data.synthetic_users.users import synthetic_user
from zoo.data.synthetic_users.wording import Language

USERS = 2000  # who write the pairs
PROFILE_KNOWN = 0.75  # share of attributes
TURNS = 6  # of the dialogue from which two neighbouring utterances are taken, the last one never


def reply_pair(
    index: int, language: Language, seed: int = 0, profile_known: float = PROFILE_KNOWN, users: int = USERS
) -> Dialogue:
    """The pair of an index, whatever else is made: two utterances, the second is the reply to learn."""
    draws = Draws(seed, language, "pair", index)
    number = draws.below(users)
    other = (number + 1 + draws.below(users - 1)) % users
    first, second = (synthetic_user(language, who, seed, pretraining=True) for who in (number, other))
    said = converse(draws, (first, second), TURNS)
    begin = draws.below(TURNS - 2)
    sides = (_speaker(language, who, seed, profile_known) for who in (number, other))
    speakers = tuple(sides)[:: -1 if begin % 2 else 1]
    return Dialogue(
        id=f"pair-{language}-{seed}-{index:010d}",
        speakers=(speakers[0], speakers[1]),
        utterances=(Utterance(0, said[begin]), Utterance(1, said[begin + 1])),
        responders=(1,),
    )


def reply_pairs(
    language: Language,
    start: int,
    stop: int,
    seed: int = 0,
    profile_known: float = PROFILE_KNOWN,
    users: int = USERS,
) -> Iterator[Dialogue]:
    """The pairs with indices start to stop - 1, one at a time; shards are ranges of indices."""
    return (reply_pair(index, language, seed, profile_known, users) for index in range(start, stop))


@lru_cache(maxsize=4096)
def _speaker(language: Language, number: int, seed: int, profile_known: float) -> Speaker:
    return speaker_of(synthetic_user(language, number, seed, pretraining=True), profile_known, introduced=False)
