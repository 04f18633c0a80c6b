"""What an endpoint sends back: the answer in it, or why it has to be asked again."""

import email.utils
import json
import time
from collections.abc import Mapping

from zoo.errors import UserError
from zoo.language_models.base import Mode


class PassingError(Exception):
    """A request failed in a way that may pass; `wait` are the seconds that the endpoint asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


def answer_in(text: str, mode: Mode) -> str:
    """The answer in the body of a reply with status 200.

    An empty answer is one: the model stopped at once, or a filter withheld what it said.

    Raises:
        PassingError: the body is no JSON, or has no answer where the API has it.
        UserError: the token limit came before the first word, as in models that think first: it would again.
    """
    try:
        choice = json.loads(text)["choices"][0]
        reason = choice.get("finish_reason")
        answer = choice["message"]["content"] if mode == "chat" else choice["text"]
    except ValueError:
        raise PassingError(f"an answer that is not JSON: {text!r}") from None
    except (KeyError, IndexError, TypeError, AttributeError):
        raise PassingError(f"an answer without text at choices[0]: {text!r}") from None
    if not answer and reason == "length":
        raise UserError(
            "The endpoint's model used up all of max_new_tokens before the first word of an answer, as models do that "
            "think first. Raise max_new_tokens, or switch the thinking off."
        )
    if answer is None and reason == "content_filter":
        return ""
    if not isinstance(answer, str):
        raise PassingError(f"an answer without text at choices[0]: {text!r}")
    return answer


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, in seconds or as a date; None without a readable one."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
