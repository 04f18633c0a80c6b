"""`ProfileGen`: a language model is asked for profile sentences of every category (PersonaChatGen, §5.2.1)."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request
from zoo.synthesis.profiles.demonstrations import Demonstration
from zoo.synthesis.profiles.parsing import PER_PROMPT, Mode, check_mode, split_profile
from zoo.synthesis.profiles.profile_prompts import ProfilePrompt
from zoo.synthesis.taxonomy import Leaf, Taxonomy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Planned:
    """One completion to ask for."""

    leaf: Leaf  # to write for
    demonstration: Leaf | None  # None: zero-shot
    trial: int  # from 0
    request: Request

    def source(self, model: str) -> dict[str, Any]:
        """Where sentences of it are from, as their records keep it; `model` is the model's identity."""
        return {
            "model": model,
            "demonstration": self.demonstration and self.demonstration.id,
            "trial": self.trial,
            "seed": self.request.seed,
            "prompt": hashlib.sha256(self.request.prompt.encode("utf-8", "surrogatepass")).hexdigest(),
        }


@dataclass(frozen=True, slots=True)
class RawLine:
    """One entry of a completion's list, as it was written."""

    text: str
    leaf: str  # id of the taxonomy's leaf that it was asked for
    source: Mapping[str, Any] = field(default_factory=dict)  # see `Planned.source`


class ProfileGen:
    """Every leaf with every demonstration, several times over: one completion each, in that order.

    What is asked for one (leaf, demonstration, trial) depends on nothing but them, the seed and the settings: a run of
    some leaves asks what a run of all asks for those, so that a cache serves both. With the paper's 58 demonstration
    categories the plan has 51 x 58 x 5 = 14,790 completions.

    Args:
        taxonomy: whose leaves are written for.
        demonstrations: by leaf, see `zoo.synthesis.profiles.demonstrations`; unused without shots.
        prompt: how they are shown.
        trials: completions of one (leaf, demonstration), each with five sentences drawn anew.
        per_prompt: entries that are taken from one completion, at most.
        max_new_tokens, temperature, top_p, frequency_penalty, presence_penalty, stop: see `Request`; the paper's.
        seed: of the draws and of the requests.
        leaves: ids of the leaves to write for; None for all.
        max_demonstrations: so many demonstration categories, drawn by the seed; None for all.
        requests_at_once: given to the model together; no more completions than that are in memory.

    Raises:
        UserError: a leaf that the taxonomy lacks, no demonstrations, or a number below 1.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        demonstrations: Mapping[str, Demonstration],
        prompt: ProfilePrompt | None = None,
        trials: int = 5,
        per_prompt: int = PER_PROMPT,
        max_new_tokens: int = 128,
        temperature: float = 0.7,
        top_p: float = 1.0,
        frequency_penalty: float = 0.4,
        presence_penalty: float = 0.4,
        stop: Sequence[str] = ("###",),
        seed: int = 0,
        leaves: Sequence[str] | None = None,
        max_demonstrations: int | None = None,
        requests_at_once: int = 64,
    ) -> None:
        numbers = {"trials": trials, "per_prompt": per_prompt, "requests_at_once": requests_at_once}
        if max_demonstrations is not None:
            numbers["max_demonstrations"] = max_demonstrations
        if wrong := {name: n for name, n in numbers.items() if n < 1}:
            raise UserError(f"{', '.join(f'{k}={n}' for k, n in wrong.items())} was given; expected at least 1.")
        if unknown := sorted(set(leaves or ()) - taxonomy.leaves.keys()):
            raise UserError(
                f"leaves={', '.join(unknown)} was given, of which the taxonomy has no such leaf; expected some of "
                f"{', '.join(taxonomy.leaves)}."
            )
        self.prompt = prompt or ProfilePrompt()
        if self.prompt.shots and not demonstrations:
            raise UserError("There are no demonstrations for one-shot prompts; give some, or take shots=0.")
        self.leaves = [leaf for id, leaf in taxonomy.leaves.items() if leaves is None or id in leaves]
        some = _some(list(demonstrations.values()), max_demonstrations, seed)
        self._shown: list[Demonstration] | list[None] = some if self.prompt.shots else [None]
        self.trials, self.per_prompt, self.seed, self.requests_at_once = trials, per_prompt, seed, requests_at_once
        self._decoding: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "stop": tuple(stop),
            "frequency_penalty": frequency_penalty,
            "presence_penalty": presence_penalty,
        }
        Request("", **self._decoding)  # a wrong setting is told now, not after the model has been loaded

    @property
    def n_requests(self) -> int:
        """Completions that the plan has."""
        return len(self.leaves) * len(self._shown) * self.trials

    def plan(self) -> Iterator[Planned]:
        """What will be asked, leaf by leaf, made as it is taken."""
        for leaf in self.leaves:
            for shown in self._shown:
                for trial in range(self.trials):
                    yield self._planned(leaf, shown, trial)

    def completions(self, model: LanguageModel) -> Iterator[tuple[Planned, str]]:
        """The model's completions in the plan's order, whatever the order of its answers; streamed.

        Raises:
            UserError: the model's. Completions before the one that is missing were given; put a `CachedLanguageModel`
                in front, and none that was made is lost.
        """
        plan = self.plan()
        while chunk := list(islice(plan, self.requests_at_once)):
            answers = model.answers([planned.request for planned in chunk])
            yield from zip(chunk, _in_order(answers), strict=True)

    def raw_lines(self, model: LanguageModel, mode: Mode = "paper") -> Iterator[RawLine]:
        """The entries of all completions, in the plan's order, each with where it is from; `mode` as for `parsing`.

        Raises:
            UserError: the model's, or another mode.
        """
        check_mode(mode)
        for planned, text in self.completions(model):
            lines = split_profile(text, mode, self.per_prompt)
            source = planned.source(model.identity) if lines else {}
            yield from (RawLine(line, planned.leaf.id, source) for line in lines)

    def _planned(self, leaf: Leaf, shown: Demonstration | None, trial: int) -> Planned:
        name = f"{self.seed}/{leaf.id}/{shown.leaf.id if shown else ''}/{trial}"
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1  # endpoints take 31 bits
        text = self.prompt.text(leaf, shown.leaf, shown.draw(name)) if shown else self.prompt.text(leaf)
        return Planned(leaf, shown.leaf if shown else None, trial, Request(text, seed=seed, **self._decoding))


def _some(everything: list[T], n: int | None, seed: int) -> list[T]:
    """`n` of them, in their order."""
    if n is None or n >= len(everything):
        return everything
    return [everything[place] for place in sorted(random.Random(seed).sample(range(len(everything)), n))]


def _in_order(answers: Iterable[tuple[int, T]]) -> Iterator[T]:
    """Answers by their places 0, 1, ..., each as soon as those before it are there."""
    early: dict[int, T] = {}
    due = 0
    for place, answer in answers:
        early[place] = answer
        while due in early:
            yield early.pop(due)
            due += 1
