"""No n-gram of what was read is written again: ParlAI's context blocking, as one more processor of scores.

transformers has one for encoders (`EncoderNoRepeatNGramLogitsProcessor`), which reads the batch's padding too: where
pad and end token are one, a reply could not end as the last turn did, depending on who else is in the batch.

Letters: W rows of a step (B times the beams), T tokens so far, V vocabulary.
"""

import copy
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from zoo.data.batch import DialogueBatch


class ContextNgrams(LogitsProcessor):  # type: ignore[misc]
    """Forbids the token that would complete an n-gram of the row's context.

    Args:
        size: n, at least 1.
        contexts: token ids of every row of the batch, without padding.
        prompt: leading columns of the ids that generate() hands over, which are no reply; n-grams are looked for in
            what was written alone.
        never: ids that stay allowed: the end token, which stands between turns in some templates.
    """

    def __init__(self, size: int, contexts: Sequence[Sequence[int]], prompt: int, never: Collection[int] = ()) -> None:
        self.size, self.prompt = size, prompt
        self.following: list[dict[tuple[int, ...], set[int]]] = []  # by row: n - 1 tokens -> what completes them
        for context in contexts:
            found: dict[tuple[int, ...], set[int]] = {}
            for end in range(size - 1, len(context)):
                if context[end] not in never:
                    found.setdefault(tuple(context[end - size + 1 : end]), set()).add(context[end])
            self.following.append(found)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Ids [W, T] and scores [W, V] -> scores [W, V] with -inf where an n-gram would be repeated."""
        written = input_ids[:, self.prompt :]
        if written.size(1) < self.size - 1:
            return scores
        beams = len(input_ids) // len(self.following)
        tails = written[:, written.size(1) - self.size + 1 :].tolist()  # [W][n - 1]
        blocked = [
            (row, token)
            for row, tail in enumerate(tails)
            for token in self.following[row // beams].get(tuple(tail), ())
        ]
        if not blocked:
            return scores
        rows, tokens = torch.tensor(blocked, device=scores.device).unbind(1)
        scores = scores.clone()
        scores[rows, tokens] = -torch.inf
        return scores


def with_context_blocked(
    batch: DialogueBatch, decoding: GenerationConfig, prompt: int, options: dict[str, Any]
) -> tuple[GenerationConfig, dict[str, Any]]:
    """What generate() is to be given where `decoding.encoder_no_repeat_ngram_size` asks for it, in any architecture.

    Args:
        batch: whose persona and context are the rows' contexts.
        decoding: as configured; transformers' own processor is turned off in what is returned.
        prompt: columns that generate() starts from.
        options: its further arguments.
    """
    size = decoding.encoder_no_repeat_ngram_size
    if not size:
        return decoding, options
    decoding = copy.deepcopy(decoding)
    decoding.encoder_no_repeat_ngram_size = None
    ids, mask = batch.join("persona", "context")
    contexts = [row[there].tolist() for row, there in zip(ids, mask, strict=True)]
    ends = decoding.eos_token_id if isinstance(decoding.eos_token_id, list) else [decoding.eos_token_id]
    blocking = ContextNgrams(size, contexts, prompt, never=ends)
    return decoding, options | {
        "logits_processor": LogitsProcessorList([*options.get("logits_processor", ()), blocking])
    }
