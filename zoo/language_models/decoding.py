"""How a local model's next token is chosen, each row of a batch by its own request.

Letters: B batch, T prompt and answer so far, N answer so far, V vocabulary.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from zoo.language_models.base import Request


class ChooseTokens(LogitsProcessor):
    """Leaves every row one token to take: the likeliest, or one drawn by the row's own generator.

    Before that, with c_v the times that token v is in the answer so far, a row's logits become

        logit_v - frequency_penalty * c_v - presence_penalty * [c_v > 0]

    as OpenAI's API reference defines the two. Transformers' repetition penalty divides instead, and counts the prompt.
    A row's generator starts from its seed and prompt: batches neither share draws nor change them.
    """

    def __init__(self, requests: Sequence[Request], prompt_tokens: int) -> None:
        self.requests = requests
        self.prompt_tokens = prompt_tokens
        self.generators = [torch.Generator().manual_seed(_seed(request)) for request in requests]
        self.drawn = [row for row, request in enumerate(requests) if request.temperature > 0]
        nuclei = [(requests[row].temperature, requests[row].top_p) for row in self.drawn]
        self.nuclei = torch.tensor(nuclei, dtype=torch.float64).T
        self.penalties = torch.tensor([(r.frequency_penalty, r.presence_penalty) for r in requests])  # [B, 2]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits [B, V] after `input_ids` [B, T]: 0 for the token to take, -inf for all others."""
        scores = self.penalised(input_ids[:, self.prompt_tokens :], scores)
        chosen = scores.argmax(dim=-1)  # [B]
        if self.drawn:
            uniform = [torch.rand((), dtype=torch.float64, generator=self.generators[row]) for row in self.drawn]
            temperature, top_p = self.nuclei.to(scores.device)  # [N] each, N rows that are drawn
            chosen[self.drawn] = draw(scores[self.drawn], temperature, top_p, torch.stack(uniform).to(scores.device))
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)

    def penalised(self, answer: Tensor, scores: Tensor) -> Tensor:
        """Logits [B, V] less what the answers [B, N] so far cost them."""
        if not self.penalties.any():
            return scores
        counts = torch.zeros_like(scores).scatter_add_(1, answer, torch.ones_like(answer, dtype=scores.dtype))
        frequency, presence = self.penalties.to(scores).T[:, :, None]  # [B, 1] each
        return scores - frequency * counts - presence * (counts > 0)


class AnswersEnd(StoppingCriteria):
    """Ends a row where its answer has all its tokens, or a stop string in it."""

    def __init__(self, requests: Sequence[Request], prompt_tokens: int, decode: Callable[[list[int]], str]) -> None:
        self.requests = requests
        self.prompt_tokens = prompt_tokens
        self.decode = decode
        self.ended = [False] * len(requests)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Any:
        """Is the row's answer complete? [B] bool."""
        answers = input_ids[:, self.prompt_tokens :].tolist()
        for row, (answer, request) in enumerate(zip(answers, self.requests, strict=True)):
            self.ended[row] = self.ended[row] or self._ends(answer, request)
        return torch.tensor(self.ended, device=input_ids.device)

    def _ends(self, answer: list[int], request: Request) -> bool:
        if len(answer) >= request.max_new_tokens:
            return True
        if not request.stop:
            return False
        text = self.decode(answer)
        return any(mark in text for mark in request.stop)


def draw(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """The tokens [N] at `uniform` [N] of [0, 1) in the nuclei of `logits` [N, V].

    In a nucleus the likeliest tokens stand first. Where top_p is 1 there is none to find, and the order is the
    vocabulary's: sorting is the dearest of all this.
    """
    probabilities = (logits.double() / temperature[:, None]).softmax(-1)  # [N, V]
    chosen = _at(probabilities, uniform)
    if (narrow := (top_p < 1).nonzero()[:, 0]).numel():
        likeliest, tokens = probabilities[narrow].sort(dim=-1, descending=True, stable=True)
        outside = (likeliest.cumsum(-1) - likeliest) >= top_p[narrow, None]  # the likeliest is always inside
        place = _at(likeliest.masked_fill(outside, 0.0), uniform[narrow])
        chosen[narrow] = tokens.gather(-1, place[:, None])[:, 0]
    return chosen


def _at(weights: Tensor, uniform: Tensor) -> Tensor:
    """The places [N] where the sums of `weights` [N, V] so far pass the share `uniform` [N] of all."""
    upper = weights.cumsum(-1)
    place = torch.searchsorted(upper, uniform[:, None] * upper[:, -1:], right=True)  # [N, 1]
    return place.minimum(torch.searchsorted(upper, upper[:, -1:].contiguous()))[:, 0]  # rounding may pass the last


def _seed(request: Request) -> int:
    text = f"{request.seed}:{request.prompt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "big")
