"""`LexicalProfiles`: cue lists. A post that holds a cue speaks for its value."""

import re
from collections.abc import Mapping, Sequence

from zoo.data.profiles import ATTRIBUTES
from zoo.profiles.base import Inferred, ProfileInferer, decide
from zoo.profiles.english_cues import ENGLISH_CUES
from zoo.profiles.japanese_cues import JAPANESE_CUES

_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|「[^」]*」')
Cues = Mapping[str, Mapping[str, tuple[str, ...]]]  # attribute -> value -> regular expressions


class LexicalProfiles(ProfileInferer):
    """Embedded English and Japanese cues, both at once; needs no model, knows no more than its lists.

    What stands in quotation marks is somebody else's and ignored; a post counts once for a value.

    Args:
        threshold: confidence from which on it answers; 0.5 lets a single cue decide.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        self._patterns = {
            attribute: {value: _pattern(attribute, value) for value in ENGLISH_CUES[attribute]}
            for attribute in ATTRIBUTES
        }

    def infer(self, posts: Sequence[str]) -> Inferred:
        """See `ProfileInferer`."""
        own_words = [_QUOTED.sub(" ", post.lower()) for post in posts]
        inferred: Inferred = {}
        for attribute, patterns in self._patterns.items():
            evidence = {
                value: float(sum(pattern.search(post) is not None for post in own_words))
                for value, pattern in patterns.items()
            }
            if (decision := decide(evidence, self.threshold)) is not None:
                inferred[attribute] = decision
        return inferred


def _pattern(attribute: str, value: str) -> re.Pattern[str]:
    english, japanese = ENGLISH_CUES[attribute][value], JAPANESE_CUES[attribute][value]
    return re.compile(rf"(?<![a-z])(?:{'|'.join(english)})(?![a-z])|{'|'.join(japanese)}")
