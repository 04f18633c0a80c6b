"""`OpenAiEndpoint`: any endpoint that speaks OpenAI's API, through the `openai` client (extra `[llm]`)."""

import os
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

import openai

from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, Mode, PromptTooLongError, Request, before_stop, check_mode
from zoo.language_models.http_answers import PassingError, answer_in, retry_after
from zoo.language_models.pace import Pace

TRIED_AGAIN = frozenset({408, 409, 429})  # and all from 500 on
TOO_LONG = ("context_length_exceeded", "maximum context length", "exceed_context_size")  # OpenAI, vLLM, llama.cpp
SHOWN = 200  # characters of what an endpoint said, in a message


class OpenAiEndpoint(LanguageModel):
    """Answers over HTTP, several requests under way at once.

    What can pass (timeouts, lost connections, statuses 408, 409, 429 and 5xx, answers that are cut off or are not JSON)
    is tried again, after what Retry-After says or first_wait * 2^n seconds with some jitter; other refusals are told at
    once. After a failure nothing new is started, but what is under way comes in and is given out first.

    The key is read from the environment and stays in the client: it is in no identity, and is blotted out of whatever
    the endpoint says.

    Args:
        model: as the endpoint calls it.
        base_url: up to and with the version, e.g. http://localhost:8000/v1.
        mode: "chat" sends the prompt as a user's message, "completions" has it continued.
        key_variable: the environment variable that holds the key; None for an endpoint that asks for none.
        timeout: seconds for one answer.
        tries: of one request, the first included.
        first_wait, longest_wait: seconds between tries; an endpoint that asks for more than the longest is given up.
        requests_per_minute: tries that start in a minute, at most; None knows no limit.
        concurrency: requests under way or answered and not yet taken, at most.
        token_limit: what the API calls the limit of new tokens.

    Raises:
        UserError: no key, or a setting out of range.
    """

    def __init__(
        self,
        model: str,
        base_url: str = "https://api.openai.com/v1",
        mode: Mode = "chat",
        key_variable: str | None = "OPENAI_API_KEY",
        timeout: float = 60.0,
        tries: int = 6,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
        requests_per_minute: float | None = None,
        concurrency: int = 4,
        token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
    ) -> None:
        check_mode(mode)
        if min(timeout, tries, concurrency) <= 0 or (requests_per_minute is not None and requests_per_minute <= 0):
            raise UserError(
                f"language_model.timeout={timeout}, tries={tries}, concurrency={concurrency}, "
                f"requests_per_minute={requests_per_minute} was given; expected numbers above 0."
            )
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname or address.password or address.query:
            raise UserError(
                "language_model.base_url is no plain address; expected one like http://localhost:8000/v1, without a "
                "password or key in it. A key belongs into the environment variable that key_variable names."
            )
        self.name, self.base_url, self.mode = model, base_url.rstrip("/"), mode
        self.tries, self.first_wait, self.longest_wait = tries, first_wait, longest_wait
        self.timeout, self.concurrency, self.token_limit = timeout, concurrency, token_limit
        self.identity = f"openai {self.base_url} {model} {mode}"
        self._pace = Pace(requests_per_minute)
        self._key = read_key(key_variable)
        self._client = openai.OpenAI(
            api_key=self._key or "none", base_url=self.base_url, timeout=timeout, max_retries=0
        )

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        """See `LanguageModel.answers`."""
        stopped = threading.Event()
        failure: UserError | None = None
        too_long: list[int] = []
        waiting: Iterator[tuple[int, Request]] = iter(enumerate(requests))
        with ThreadPoolExecutor(self.concurrency) as pool:
            under_way: dict[Future[str], int] = {}
            try:
                while True:
                    # Only what was handed over makes room: a killed caller has lost `concurrency` answers at most.
                    for place, request in islice(waiting, self.concurrency - len(under_way)):
                        under_way[pool.submit(self._ask, request, stopped)] = place
                    if not under_way:
                        break
                    done = next(as_completed(under_way))
                    place = under_way.pop(done)
                    try:
                        answer = done.result()
                    except CancelledError:
                        continue
                    except UserError as error:
                        if isinstance(error, PromptTooLongError):
                            too_long.append(place)
                        if failure is None or isinstance(failure, PromptTooLongError):
                            failure = error
                        waiting = iter(())
                        continue
                    yield place, answer
            finally:  # also where the caller wants no more
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(failure, PromptTooLongError):
            raise PromptTooLongError(str(failure), too_long)
        if failure is not None:
            raise failure

    def _ask(self, request: Request, stopped: threading.Event) -> str:
        """One answer, unless asking was `stopped`; a failure stops it for everybody, in the thread that met it."""
        try:
            return self._try_often(request, stopped)
        except UserError:
            stopped.set()
            raise

    def _try_often(self, request: Request, stopped: threading.Event) -> str:
        """One answer, after as many tries as it takes and is allowed."""
        reason = ""
        for attempt in range(self.tries):
            self._pace.wait(stopped)
            if stopped.is_set():
                raise CancelledError
            try:
                return self._try(request)
            except PassingError as again:
                reason = self._shown(again.reason)
                wait = again.wait if again.wait is not None else self._backoff(attempt)
                if wait > self.longest_wait:
                    raise UserError(
                        f"{self} wants no request for {wait:.0f} s ({reason}), which is more than "
                        f"language_model.longest_wait={self.longest_wait}. Ask again later, or lower "
                        "language_model.requests_per_minute."
                    ) from None
                if again.wait is not None:
                    self._pace.hold(wait)
                elif attempt + 1 < self.tries:
                    stopped.wait(wait)
        raise UserError(
            f"{self} gave no answer in {self.tries} tries (last: {reason}). Check that it runs and that "
            "language_model.base_url, model and mode are right; slow ones need a longer language_model.timeout."
        )

    def _try(self, request: Request) -> str:
        """One request to the endpoint.

        Raises:
            PassingError: it may go well another time.
            PromptTooLongError: the endpoint says so.
            UserError: it will not.
        """
        body: dict[str, Any] = {
            "model": self.name,
            "temperature": request.temperature,
            "top_p": request.top_p,
            self.token_limit: request.max_new_tokens,
        }
        if request.temperature > 0:
            body["seed"] = request.seed
        body |= {name: value for name in ("frequency_penalty", "presence_penalty") if (value := getattr(request, name))}
        if request.stop:
            body["stop"] = list(request.stop)
        if self.mode == "chat":
            body["messages"] = [{"role": "user", "content": request.prompt}]
        else:
            body["prompt"] = request.prompt
        api: Any = self._client.chat.completions if self.mode == "chat" else self._client.completions
        try:
            response = api.with_raw_response.create(**body)
        except openai.APITimeoutError:
            raise PassingError(f"no answer within {self.timeout} s") from None
        except openai.APIConnectionError as error:
            raise PassingError(f"the connection failed: {error.__cause__ or error}") from None
        except openai.APIStatusError as error:
            reason = f"status {error.status_code}: {error.response.text}"
            if error.status_code in TRIED_AGAIN or error.status_code >= 500:
                raise PassingError(reason, retry_after(error.response.headers)) from None
            refused = f"{self} refused a request with {self._shown(reason)}."
            if any(words in reason for words in TOO_LONG):
                advice = "Lower max_new_tokens, give a shorter prompt, or choose a model with a longer context."
                raise PromptTooLongError(f"{refused} {advice}", [0]) from None
            raise UserError(f"{refused} Check language_model.model, mode and key.") from None
        return before_stop(answer_in(response.text, self.mode), request.stop)

    def _backoff(self, attempt: int) -> float:
        """Seconds before try `attempt` + 2, which never end a run."""
        return min(self.longest_wait, self.first_wait * 2**attempt) * random.uniform(0.75, 1.0)

    def _shown(self, text: str) -> str:
        """The beginning of what an endpoint said, on one line and without the key."""
        if self._key:
            text = text.replace(self._key, "[key]")
        line = " ".join(text.split())
        return line if len(line) <= SHOWN else line[:SHOWN] + " ..."

    def __str__(self) -> str:
        return f"The endpoint {self.base_url} (model {self.name})"


def read_key(variable: str | None) -> str | None:
    """The key in an environment variable.

    Raises:
        UserError: it is not set, or empty.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"The environment variable {variable} is not set, which language_model.key_variable={variable} says holds "
            f"the endpoint's key. Set it (export {variable}=...; not on this command line, which is written down), or "
            "give language_model.key_variable=null for an endpoint without keys."
        )
    return key
