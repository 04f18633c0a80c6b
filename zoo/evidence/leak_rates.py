"""Does a reply belong to somebody else? Word for word, and by the nearest real reply.

Letters: N replies, U users with a reply of their own, D dimensions, R resamples.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.evidence.real_replies import RealReplies, plain_words
from zoo.metrics.generations import Generation
from zoo.scorers.embedder import Embedder

RESAMPLES = 1_000
AT_ONCE = 1_024  # real replies that are compared together
SHOWN = 5  # leaked replies told in full
OWN, OWN_AND_OTHERS, ANOTHERS, SEVERAL_OTHERS, NEW, WORDLESS = KINDS = (
    "own", "own_and_others", "anothers", "several_others", "new", "wordless"
)  # fmt: skip
Floats = NDArray[np.float64]


def leak_rates(rows: Sequence[Generation], real: RealReplies, embedder: Embedder, seed: int = 0) -> dict[str, Any]:
    """Both rates of a run in percent, their chance levels and intervals; in plain types.

    Replies of users without training replies are left out, and told. The rest is of these kinds, by their words: `own`
    (their user said it in the training data, or in the held-out references), `own_and_others` (somebody else too),
    `anothers` (not their user, one other), `several_others`, `new` (nobody) and `wordless`.

    * `verbatim`: `anothers` / all replies. What several users said ("yes !") is nobody's, and only counted.
    * `nearer`: replies whose nearest real reply is somebody else's and nearer than each of their own user's. Real
      replies that several users said are nobody's and compared with none; replies that repeat one, and wordless ones,
      are left out of this rate.
    * `others_nearer`: beside it, the mean share of the other users who have a nearer reply; a tie counts half.

    Chance is the same rate had replies nothing to do with their users: the mean over all ways to give the reply to
    another row's user. For `nearer` it is close to 1 - 1/U, for `others_nearer` around 50 %. Intervals are 95 %
    percentile bootstraps over users, whose rows stay together.

    Args:
        rows: with replies.
        real: of the training data.
        embedder: whose cosines say which is nearer.
        seed: of the resampled users.
    """
    judged = [row for row in rows if row.user in real.texts]
    held_out: dict[str, set[str]] = {}
    for row in judged:
        held_out.setdefault(row.user, set()).add(plain_words(row.reference))
    kinds = [kind_of(row, real, held_out) for row in judged]
    compared = [
        row
        for row, kind in zip(judged, kinds, strict=True)
        if kind in (OWN, ANOTHERS, NEW) and row.user in real.distinctive
    ]
    owners = [row.user for row in judged]
    return {
        "n_replies": len(judged),
        "n_users": len(set(owners)),
        "n_left_out": len(rows) - len(judged),
        "n_real_replies": len(real.sayers),
        "n_real_replies_of_several": sum(len(users) > 1 for users in real.sayers.values()),
        "kinds": {kind: kinds.count(kind) for kind in KINDS},
        "verbatim": _rate([kind == ANOTHERS for kind in kinds], owners, seed)
        | {"chance": _verbatim_chance(judged, real, held_out)},
        **_nearness(compared, real, embedder, seed),
        "examples": [
            {"id": row.id, "user": row.user, "response": row.response, "said_by": _only_sayer(row, real)}
            for row, kind in zip(judged, kinds, strict=True)
            if kind == ANOTHERS
        ][:SHOWN],
    }


def kind_of(row: Generation, real: RealReplies, held_out: Mapping[str, set[str]]) -> str:
    """Whose words a reply is made of: one of `KINDS`, see `leak_rates`."""
    words = plain_words(row.response or "")
    if not words:
        return WORDLESS
    others = real.sayers.get(words, set()) - {row.user}
    if row.user in real.sayers.get(words, ()) or words in held_out[row.user]:
        return OWN_AND_OTHERS if others else OWN
    return (NEW, ANOTHERS)[len(others)] if len(others) < 2 else SEVERAL_OTHERS


def nearest_cosines(texts: Sequence[str], real: RealReplies, embedder: Embedder) -> Tensor:
    """Cosine of every text with the nearest of each user's own replies, float32 [N, U], to six decimals."""
    said = [(place, text) for place, own in enumerate(real.distinctive.values()) for text in own]
    embedded = embedder.embed(texts)  # [N, D]
    nearest = torch.full((len(texts), len(real.distinctive)), -1.0)
    for first in range(0, len(said), AT_ONCE):
        some = said[first : first + AT_ONCE]
        cosines = embedded @ embedder.embed([text for _, text in some]).T  # [N, n]
        whose = torch.tensor([place for place, _ in some]).expand_as(cosines)
        nearest.scatter_reduce_(1, whose, cosines, "amax")
    return nearest.round(decimals=6)


def _nearness(rows: Sequence[Generation], real: RealReplies, embedder: Embedder, seed: int) -> dict[str, Any]:
    users, owners = list(real.distinctive), [row.user for row in rows]
    if not rows or len(users) < 2:
        return {"nearer": None, "others_nearer": None}
    nearest = nearest_cosines([row.response or "" for row in rows], real, embedder)  # [N, U]
    place = torch.tensor([users.index(owner) for owner in owners])
    own = nearest.gather(1, place[:, None])  # [N, 1]
    is_nearer = (nearest > own).any(dim=1)
    above, equal = (nearest > own).sum(dim=1), (nearest == own).sum(dim=1) - 1  # of the other users, [N]
    shares = (above + 0.5 * equal) / (len(users) - 1)
    weight = place.bincount(minlength=len(users)) / len(rows)  # [U]: who another row's user is
    at_top = nearest == nearest.amax(dim=1, keepdim=True)  # [N, U]: nobody is nearer than these
    chance = 1 - float((at_top * weight).sum(dim=1).mean())
    return {
        "nearer": _rate(is_nearer.tolist(), owners, seed) | {"chance": 100 * chance},
        "others_nearer": _rate(shares.tolist(), owners, seed),
    }


def _verbatim_chance(rows: Sequence[Generation], real: RealReplies, held_out: Mapping[str, set[str]]) -> float | None:
    """Percent of (reply, user) pairs, users as often as they have rows, in which the reply is one other user's."""
    if not rows:
        return None
    weight = {user: n / len(rows) for user, n in Counter(row.user for row in rows).items()}
    chance = 0.0
    for row in rows:
        words = plain_words(row.response or "")
        if len(sayers := real.sayers.get(words, set())) == 1:
            chance += sum(w for user, w in weight.items() if user not in sayers and words not in held_out[user])
    return 100 * chance / len(rows)


def _rate(hits: Sequence[float], owners: Sequence[str], seed: int) -> dict[str, Any]:
    """Mean of `hits` in percent, with its interval over owners; both None without hits, the latter for one owner."""
    if not hits:
        return {"rate": None, "interval": None, "n_replies": 0}
    users, place = np.unique(np.array(owners), return_inverse=True)
    counts: Floats = np.bincount(place).astype(np.float64)  # [U]
    sums: Floats = np.bincount(place, weights=np.array(hits, dtype=np.float64)).astype(np.float64)  # [U]
    interval = None
    if len(users) > 1:
        even = np.full(len(users), 1 / len(users))
        drawn = np.random.default_rng(seed).multinomial(len(users), even, size=RESAMPLES)  # [R, U]
        interval = np.percentile(100 * (drawn @ sums) / (drawn @ counts), (2.5, 97.5)).tolist()
    return {"rate": 100 * float(sums.sum() / counts.sum()), "interval": interval, "n_replies": len(hits)}


def _only_sayer(row: Generation, real: RealReplies) -> str:
    return next(iter(real.sayers[plain_words(row.response or "")]))
