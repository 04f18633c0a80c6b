"""The C score: do replies agree with the persona of who says them? (Madotto et al., arXiv:1905.10033; arXiv:2306.08126)

Letters: m persona sentences of a dialogue, N replies, K users.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import UserError
from zoo.metrics.base import GenerationMetric, columns, ratio, sum_by_first_column
from zoo.metrics.distinct import stable_hash
from zoo.metrics.generations import Generation
from zoo.scorers.base import CONTRADICTION, ENTAILMENT, NliScorer, hypothesis


class CScore(GenerationMetric):
    """C(u) = sum over the dialogue's persona sentences p_j of NLI(u, p_j): +1 entailed, 0 neutral, -1 contradicted.

    The premise is the reply u, the hypothesis a persona sentence, the verdict the likeliest label, without a threshold.
    Nothing is divided by m: a reply that repeats its persona has a C score near m, so read it beside
    `repetition_rate` and F1. A sentence that stands twice in a persona counts twice.

    * `c_score`: mean of C(u) over replies (micro), a number and not percent, as PersonaPKT prints it;
    * `c_score_macro`: mean over users of the mean of C(u) over each one's replies; where the corpus names nobody, over
      the personas (their sentences);
    * `c_per_sentence`: sum of verdicts / number of (reply, sentence) pairs, -1 to 1;
    * `entail_rate`, `contradict_rate`: percent of these pairs.

    Replies to nobody's persona (no sentence, or only blank ones) are left out of all five, since there is nothing to
    agree with: a zero would only say how many there are. All five are NaN where no reply has a persona. An empty reply
    says nothing: neutral to every sentence, without asking the scorer.

    Args:
        scorer: of pairs of texts, see `zoo.scorers`; `scorer=` on the command line. Its identity is part of the
            version, so that values of two scorers are never taken for the same thing, and its caution is the metric's.
        strip_period: the final period of persona sentences is left out, as in PAML's evaluation. False ends the
            version in "periods kept". Blanks around replies and sentences never count.

    Raises:
        UserError: no scorer.
    """

    name = "c_score"
    needs = frozenset({"response"})  # and persona, which every row has

    def __init__(self, scorer: NliScorer | None, strip_period: bool = True) -> None:
        super().__init__()
        if not isinstance(scorer, NliScorer):
            raise UserError(
                f"The C score was given the scorer {scorer!r}; expected one of pairs of texts. Choose scorer=lexical, "
                "or scorer=nli with scorer.path=FOLDER."
            )
        self.scorer = scorer
        self.strip_period = strip_period
        self.version = f"1, {scorer.short}{'' if strip_period else ', periods kept'}"
        self.caution = scorer.caution
        self.scorer_description = scorer.description
        self.add_int_rows("counts", 5)  # user, replies, pairs, entailed, contradicted

    @property
    def result_names(self) -> tuple[str, ...]:
        """All five."""
        return ("c_score", "c_score_macro", "c_per_sentence", "entail_rate", "contradict_rate")

    def _accumulate(self, rows: Sequence[Generation]) -> None:
        asked: list[tuple[str, str]] = []
        replies: list[list[int]] = []  # user, number of sentences, how many of them are asked about
        for user, persona, response in columns(rows, "user", "persona", "response"):
            sentences = [hypothesis(sentence, self.strip_period) for sentence in persona if sentence.strip()]
            said = response.strip()
            if sentences:
                whose = stable_hash(f"user {user}" if user else "\n".join(["persona", *sentences]))
                replies.append([whose, len(sentences), len(sentences) if said else 0])
                asked += [(said, sentence) for sentence in sentences if said]
        verdicts = self.scorer.score(asked).argmax(dim=-1)  # [pairs]
        parts = verdicts.split([n_asked for _, _, n_asked in replies])
        counts = [
            [whose, 1, n_sentences, int((own == ENTAILMENT).sum()), int((own == CONTRADICTION).sum())]
            for (whose, n_sentences, _), own in zip(replies, parts, strict=True)
        ]
        table = torch.tensor(counts, dtype=torch.int64).view(-1, 5)  # [n, 5]
        self.append_int_rows("counts", sum_by_first_column(table), merge=sum_by_first_column)

    def _result(self) -> dict[str, Tensor]:
        _, replies, pairs, entailed, contradicted = sum_by_first_column(self.int_rows("counts")).unbind(dim=1)  # [K]
        scores = entailed - contradicted
        return {
            "c_score": ratio(scores.sum(), replies.sum()),
            "c_score_macro": ratio(scores, replies).mean(),  # the mean over nobody is NaN
            "c_per_sentence": ratio(scores.sum(), pairs.sum()),
            "entail_rate": 100 * ratio(entailed.sum(), pairs.sum()),
            "contradict_rate": 100 * ratio(contradicted.sum(), pairs.sum()),
        }
