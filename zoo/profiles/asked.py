"""`AskedProfiles`: a language model reads the posts and fills in a form."""

import re
from collections.abc import Callable, Sequence

from zoo.data.profiles import ATTRIBUTES, VALUES
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Request
from zoo.profiles.base import Inferred, ProfileInferer

Ask = Callable[[list[str]], list[str]]  # prompts -> one text each, in order
_LINE = re.compile(r"^\W*(\w+)\W*[:：=]\s*(.+?)\s*(?:[,、(（|]\s*([01](?:\.\d+)?)\s*[)）]?)?\s*\.?\s*$")
_VALUE_OF = {attribute: {value.lower(): value for value in VALUES[attribute]} for attribute in ATTRIBUTES}


class AskedProfiles(ProfileInferer):
    """Any language model; one prompt a unit, all units of a user in one call.

    An answer that names no value of ours for an attribute abstains on it.

    Args:
        ask: prompts -> texts.
        threshold: confidence, as the model states it, from which on a value counts.
        unstated: the confidence of an answer without one.
    """

    def __init__(self, ask: Ask, threshold: float = 0.5, unstated: float = 0.5) -> None:
        self.ask, self.threshold, self.unstated = ask, threshold, unstated

    def infer(self, posts: Sequence[str]) -> Inferred:
        """See `ProfileInferer`."""
        return self.infer_units([posts])[0]

    def infer_units(self, units: Sequence[Sequence[str]]) -> list[Inferred]:
        """See `ProfileInferer`.

        Raises:
            UserError: the model gave fewer or more answers than there were prompts.
        """
        answers = self.ask([profile_prompt(posts) for posts in units]) if units else []
        if len(answers) != len(units):
            raise UserError(
                f"The language model gave {len(answers)} answers to {len(units)} prompts; expected one each."
            )
        return [read_form(answer, self.threshold, self.unstated) for answer in answers]


def asking(model: LanguageModel, max_new_tokens: int = 96) -> Ask:
    """Greedy answers of a language model; five lines need some 50 tokens."""
    return lambda prompts: model.complete([Request(prompt, max_new_tokens) for prompt in prompts])


def profile_prompt(posts: Sequence[str]) -> str:
    """The posts, one a line, and the form to fill in."""
    form = "\n".join(f"{attribute}: {' | '.join(VALUES[attribute])} | unknown" for attribute in ATTRIBUTES)
    written = "\n".join("- " + " ".join(post.split()) for post in posts)
    return (
        "These are posts by one person:\n"
        f"{written}\n\n"
        "Who wrote them? Quotations are not about the writer. For each line below choose one of the values, or unknown "
        "where the posts do not tell, and add how sure you are, from 0 to 1.\n"
        f"{form}\n\n"
        "Answer with five lines of the form `attribute: value, confidence` and nothing else.\n"
    )


def read_form(answer: str, threshold: float, unstated: float) -> Inferred:
    """The values that an answer states, in the order of `ATTRIBUTES`; of a repeated line the first counts."""
    stated: Inferred = {}
    for line in answer.splitlines():
        if (match := _LINE.match(line)) is None:
            continue
        attribute = match[1].lower()
        value = _VALUE_OF.get(attribute, {}).get(match[2].strip("`'\"* ").lower())
        confidence = min(float(match[3]), 1.0) if match[3] else unstated
        if value is not None and confidence >= threshold:
            stated.setdefault(attribute, (value, confidence))
    return {attribute: stated[attribute] for attribute in ATTRIBUTES if attribute in stated}
