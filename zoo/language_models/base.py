"""`Request` and `LanguageModel`: a prompt goes in, the text that follows it comes out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.errors import UserError

Mode = Literal["chat", "completions"]  # the prompt is a user's message, or the beginning of a text


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt, and how its answer is to be decoded. Equal requests have equal answers.

    Args:
        prompt: what the answer follows.
        max_new_tokens: the answer's, at most, in the model's own tokens.
        temperature: 0 takes the likeliest token; above it, tokens are drawn.
        top_p: tokens are drawn from the fewest that together have this probability (Holtzman et al. 2020).
        stop: the answer ends before the first of these strings.
        frequency_penalty: taken from a token's logit for every time that the answer has it already.
        presence_penalty: taken once from the logit of each token that the answer has already.
        seed: which of several answers to one prompt, where tokens are drawn.
    """

    prompt: str
    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise UserError(f"stop={self.stop!r} was given; expected a list of texts, none of them empty.")
        object.__setattr__(self, "stop", tuple(self.stop))
        for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
            object.__setattr__(self, name, float(getattr(self, name)))  # 0 and 0.0 are one request, for a cache too
        if self.max_new_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise UserError(
                f"max_new_tokens={self.max_new_tokens}, temperature={self.temperature}, top_p={self.top_p} was given; "
                "expected at least 1 token, a temperature of at least 0, and top_p above 0 and up to 1."
            )


class PromptTooLongError(UserError):
    """Prompts that do not fit the model's context with the answers that are asked for.

    Args:
        message: for the user.
        places: of such prompts in the requests, all that were met so far, at least one.
    """

    def __init__(self, message: str, places: Sequence[int]) -> None:
        super().__init__(message)
        self.places = tuple(places)


class LanguageModel(ABC):
    """Something that answers prompts.

    Attributes:
        identity: everything beside the request that decides an answer; what a cache keeps answers under. Begins with
            the back-end's name. No secrets.
        together: answers that come in at once, at most; a cache keeps them in one transaction.
    """

    identity: str
    together: int = 1

    @abstractmethod
    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        """(place in `requests`, answer) for each of them, as soon as it is there, in any order.

        An answer has neither its prompt nor a stop string, and does not depend on the other requests.

        Raises:
            PromptTooLongError: of the places that it names; those that are left may be asked for again without them.
            UserError: the model cannot answer; answers that had come in were given before.
        """

    def complete(self, requests: Sequence[Request]) -> list[str]:
        """The answers in the order of `requests`; errors as for `answers`."""
        found = dict(self.answers(requests))
        return [found[place] for place in range(len(requests))]


def before_stop(text: str, stop: Sequence[str]) -> str:
    r"""`text` up to the first stop string in it.

    >>> before_stop("I do.\nB: So?", ["B:", "\n"])
    'I do.'
    """
    return text[: min((place for mark in stop if (place := text.find(mark)) >= 0), default=len(text))]


def check_mode(mode: str) -> None:
    """Refuse what is no `Mode`.

    Raises:
        UserError: it is none.
    """
    if mode not in get_args(Mode):
        raise UserError(f"language_model.mode={mode} was given; expected one of {', '.join(get_args(Mode))}.")
