"""`DialogueWriter`: a language model, or two, talks as two personas; many dialogues advance together.

The paper plays two GPT-3 against each other, one call at a time. An utterance needs those before it, so within a
dialogue there is nothing to win, but dialogues know nothing of each other: their next utterances are asked for at once.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, PromptTooLongError, Request, before_stop
from zoo.synthesis.chat.chat_demonstrations import ChatDemonstration, read_chat_demonstrations
from zoo.synthesis.chat.chat_prompts import STOP, ChatPrompt
from zoo.synthesis.chat.chunks import chunks
from zoo.synthesis.chat.persona_pairs import Pair
from zoo.synthesis.chat.replies import ReplyRules, WritingReport
from zoo.synthesis.records import SyntheticDialogue

TooLong = Literal["cut", "drop"]


@dataclass(slots=True)
class _Draft:
    """A dialogue while it is being written."""

    pair: Pair
    beginnings: tuple[str, str]
    demonstration: str | None
    utterances: list[str] = field(default_factory=list)
    dropped: bool = False
    cut: list[int] = field(default_factory=lambda: [0, 0])  # utterances that A's and B's prompt have no room for


class DialogueWriter:
    """Writes one dialogue for each pair of personas.

    Which demonstration a pair gets and the seed of every request follow from `seed`, the ids of the pair's sets, the
    turn and the attempt. What a dialogue says therefore depends on nothing but its pair: not on `in_flight`, and not on
    the pairs before it.

    Args:
        prompt: how the model is told.
        demonstrations: one is drawn for each dialogue; by default this project's own, the paper draws from PersonaChat.
        turns: utterances of a dialogue, A's and B's in turns; 16 as in the paper, and any other number.
        in_flight: dialogues that advance together, and what is lost of an interrupted run that has no cache.
        max_new_tokens, temperature, top_p, frequency_penalty, presence_penalty, stop: of every request; the paper's
            (appendix C).
        replies: what becomes of bad replies.
        too_long: where a prompt and its answer do not fit the model, "cut" leaves the oldest turns of the conversation
            out of the prompt, as few as will do, and gives up a dialogue that does not fit without any; "drop" gives it
            up at once. The persona and the demonstration stay.
        seed: of the draws.

    Raises:
        UserError: a number below 1, or a setting that is none.
    """

    def __init__(
        self,
        prompt: ChatPrompt | None = None,
        demonstrations: Sequence[ChatDemonstration] | None = None,
        turns: int = 16,
        in_flight: int = 64,
        max_new_tokens: int = 128,
        temperature: float = 0.8,
        top_p: float = 1.0,
        frequency_penalty: float = 0.4,
        presence_penalty: float = 0.4,
        stop: Sequence[str] = STOP,
        replies: ReplyRules | None = None,
        too_long: TooLong = "cut",
        seed: int = 0,
    ) -> None:
        if too_long not in get_args(TooLong):
            raise UserError(f"too_long={too_long} was given for dialogues; expected one of cut, drop.")
        if turns < 1 or in_flight < 1:
            raise UserError(
                f"turns={turns}, in_flight={in_flight} was given for dialogues; expected at least 1 of each."
            )
        self.prompt = prompt or ChatPrompt()
        self.demonstrations = read_chat_demonstrations() if demonstrations is None else tuple(demonstrations)
        if self.prompt.shots and not self.demonstrations:
            raise UserError("A one-shot chat prompt was asked for with no demonstrations; give some, or shots=0.")
        self.turns, self.in_flight, self.seed = turns, in_flight, seed
        self.replies, self.too_long = replies or ReplyRules(), too_long
        self.request = Request(
            *("", max_new_tokens, temperature, top_p, tuple(stop), frequency_penalty, presence_penalty)
        )

    def write(
        self, model: LanguageModel, pairs: Iterable[Pair], report: WritingReport | None = None
    ) -> Iterator[SyntheticDialogue]:
        """The dialogues, in the order of `pairs`, as soon as `in_flight` of them are whole; dropped ones are left out.

        Args:
            model: plays both.
            pairs: A's and B's persona sets; read as dialogues begin.
            report: is counted in, if given.

        Raises:
            UserError: the model cannot answer. The dialogues that were whole have been given before.
        """
        report = report or WritingReport()
        for some in chunks(pairs, self.in_flight):
            drafts = [self._draft(pair) for pair in some]
            report.begun += len(drafts)
            try:
                for _ in range(self.turns):
                    self._advance(model, drafts, report)
            except UserError:  # in the last turn, some may be whole
                yield from self._whole(model, drafts, report)
                raise
            yield from self._whole(model, drafts, report)

    def _draft(self, pair: Pair) -> _Draft:
        shown = None
        if self.prompt.shots:
            shown = random.Random(self._seed(pair, "demonstration")).choice(self.demonstrations)
        beginnings = self.prompt.beginnings((pair[0].texts, pair[1].texts), shown)
        return _Draft(pair, beginnings, None if shown is None else shown.id)

    def _advance(self, model: LanguageModel, drafts: Sequence[_Draft], report: WritingReport) -> None:
        """One more utterance for each draft that is not dropped."""
        waiting = [draft for draft in drafts if not draft.dropped]
        for attempt in range(self.replies.retries + 1):
            again = []
            for draft, answer in self._answered(model, waiting, attempt, report):
                report.replies += 1
                report.cut += draft.cut[len(draft.utterances) % 2] > 0
                verdict, text = self.replies.judge(before_stop(answer, self.request.stop), report)
                if verdict == "take":
                    draft.utterances.append(text)
                elif verdict == "retry" and attempt < self.replies.retries:
                    again.append(draft)
                else:
                    draft.dropped = True
                    report.dropped += 1
            report.retried += len(again)
            waiting = again

    def _answered(
        self, model: LanguageModel, drafts: Sequence[_Draft], attempt: int, report: WritingReport
    ) -> Iterator[tuple[_Draft, str]]:
        """The answers for drafts whose prompt fits, cut where need be; the others are dropped."""
        while drafts:
            answered: set[int] = set()
            try:
                for place, answer in model.answers([self._request(draft, attempt) for draft in drafts]):
                    answered.add(place)
                    yield drafts[place], answer
                return
            except PromptTooLongError as error:
                for draft in (drafts[place] for place in error.places):
                    speaker = len(draft.utterances) % 2
                    if self.too_long == "cut" and draft.cut[speaker] < len(draft.utterances):
                        draft.cut[speaker] += 1  # and so in the speaker's prompts after it, which are longer
                    else:
                        draft.dropped = True
                        report.dropped += 1
                        report.too_long += 1
            drafts = [draft for place, draft in enumerate(drafts) if place not in answered and not draft.dropped]

    def _request(self, draft: _Draft, attempt: int) -> Request:
        prompt = self.prompt.prompt(draft.beginnings, draft.utterances, draft.cut[len(draft.utterances) % 2])
        seed = self._seed(draft.pair, len(draft.utterances), attempt)
        return replace(self.request, prompt=prompt, seed=seed)

    def _whole(
        self, model: LanguageModel, drafts: Sequence[_Draft], report: WritingReport
    ) -> Iterator[SyntheticDialogue]:
        for draft in drafts:
            if len(draft.utterances) == self.turns and not draft.dropped:
                report.finished += 1
                yield self._dialogue(model, draft)

    def _dialogue(self, model: LanguageModel, draft: _Draft) -> SyntheticDialogue:
        a, b = draft.pair
        return SyntheticDialogue(
            id=f"{a.id}/{b.id}",
            personas=(a.texts, b.texts),
            utterances=tuple(draft.utterances),
            source={
                "model": model.identity,
                "prompt": self.prompt.name,
                "prompt_sha256": [hashlib.sha256(text.encode()).hexdigest() for text in draft.beginnings],
                "demonstration": draft.demonstration,
                "persona_sets": [a.id, b.id],
                "turns_cut": draft.cut,
                "seed": self.seed,
            },
        )

    def _seed(self, pair: Pair, *parts: int | str) -> int:
        """31 bits: every interface takes them."""
        text = repr((self.seed, pair[0].id, pair[1].id, *parts))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
