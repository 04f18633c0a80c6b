"""`ZeroShotProfiles`: a post that entails "i am married" speaks for it. Around any scorer of `zoo.scorers`."""

from collections.abc import Mapping, Sequence

from zoo.data.profiles import ATTRIBUTES, JAPANESE, VALUES
from zoo.errors import UserError
from zoo.profiles.base import Inferred, ProfileInferer, decide
from zoo.scorers.base import ENTAILMENT, NliScorer

_ENGLISH: Mapping[str, str] = {"age": "i am in my {}", "location": "i live in the {} region of japan"}
_ENGLISH_VALUES: Mapping[str, str] = {
    "Female": "i am a woman",
    "Male": "i am a man",
    "Married": "i am married",
    "Single": "i am single",
    "Office worker": "i am an office worker",
    "College student": "i am a college student",
    "Part-time worker": "i have a part-time job",
    "Unemployed": "i am unemployed",
    "Homemaker": "i am a homemaker",
    "Business owner": "i own a business",
    "High school student": "i am a high school student",
    "Association member": "i work for an association",
    "Civil servant": "i am a civil servant",
}
_JAPANESE: Mapping[str, str] = {"location": "私は{}地方に住んでいます"}


class ZeroShotProfiles(ProfileInferer):
    """Entailment of one hypothesis a value.

    A post speaks for the values whose hypothesis it entails with at least `entailment`, weighted by that probability.

    Args:
        scorer: any NLI scorer; every post is paired with all 26 hypotheses.
        language: of the hypotheses, "en" or "ja".
        entailment: the probability from which on a post counts.
        threshold: see `decide`; lower than for cues, for a post's weight is a probability below 1.
    """

    def __init__(
        self, scorer: NliScorer, language: str = "en", entailment: float = 0.5, threshold: float = 0.3
    ) -> None:
        self.scorer, self.entailment, self.threshold = scorer, entailment, threshold
        self.hypotheses = hypotheses(language)

    def infer(self, posts: Sequence[str]) -> Inferred:
        """See `ProfileInferer`."""
        claims = [(attribute, value, text) for (attribute, value), text in self.hypotheses.items()]
        if not posts:
            return {}
        scores = self.scorer.score([(post, text) for post in posts for _, _, text in claims])  # [posts * claims, 3]
        entailed = scores[:, ENTAILMENT].reshape(len(posts), len(claims))  # [posts, claims]
        weights = (entailed * (entailed >= self.entailment)).sum(dim=0).tolist()  # [claims]
        inferred: Inferred = {}
        for name in ATTRIBUTES:
            evidence = {
                v: weight for (attribute, v, _), weight in zip(claims, weights, strict=True) if attribute == name
            }
            if (decision := decide(evidence, self.threshold)) is not None:
                inferred[name] = decision
        return inferred


def hypotheses(language: str) -> dict[tuple[str, str], str]:
    """A sentence for every (attribute, value), as its bearer would say it.

    Raises:
        UserError: a language that is neither "en" nor "ja".
    """
    if language not in ("en", "ja"):
        raise UserError(f"Hypotheses in {language!r} were asked for; there are 'en' and 'ja'.")
    sentences = {}
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            if language == "ja":
                shown = JAPANESE[attribute][value]
                sentences[attribute, value] = _JAPANESE.get(attribute, "私は{}です").format(shown)
            else:
                sentences[attribute, value] = _ENGLISH_VALUES.get(value) or _ENGLISH[attribute].format(value)
    return sentences
