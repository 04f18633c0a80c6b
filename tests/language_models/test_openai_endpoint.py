"""The client of OpenAI-compatible endpoints, against a real server: good days, bad days, and the key."""

import email.utils
import itertools
import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from tests.language_models.conftest import KEY, VARIABLE, Reply, Server, answer, usual
from zoo.errors import UserError
from zoo.language_models.base import PromptTooLongError, Request
from zoo.language_models.openai_endpoint import OpenAiEndpoint

Make = Callable[..., OpenAiEndpoint]
REQUESTS = [Request(f"say {word}") for word in ("one", "two", "three", "four", "five", "six")]
LONG = ("say two", "say three")
ANSWERS = [f"answer to {request.prompt.split()[-1]}" for request in REQUESTS]


def first(*replies: Reply) -> Callable[[int, Any], Reply]:
    """These replies, then usual ones."""
    return lambda number, body: replies[number] if number < len(replies) else Reply()


@pytest.mark.parametrize("mode", ["chat", "completions"])
def test_answers_in_order_and_what_is_sent(server: Server, endpoint: Make, mode: str) -> None:
    request = Request("say a", 7, 0.5, 0.9, ("\n",), 0.4, 0.3, seed=5)
    assert endpoint(mode=mode).complete([request, *REQUESTS]) == ["answer to a", *ANSWERS]
    sent = next(body for body in server.bodies if body["temperature"])
    asked = {"prompt": "say a"} if mode == "completions" else {"messages": [{"role": "user", "content": "say a"}]}
    assert sent == asked | {
        "model": "m",
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n"],
        "frequency_penalty": 0.4,
        "presence_penalty": 0.3,
        "seed": 5,
    }
    assert not {"stop", "frequency_penalty", "seed"} & min(server.bodies, key=len).keys()  # servers refuse what's odd
    assert set(server.paths) == {"/v1/chat/completions" if mode == "chat" else "/v1/completions"}
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_newer_models_call_the_limit_otherwise(server: Server, endpoint: Make) -> None:
    endpoint(token_limit="max_completion_tokens").complete([Request("a", 9)])
    assert server.bodies[0]["max_completion_tokens"] == 9
    assert "max_tokens" not in server.bodies[0]


def test_stop_strings_are_trimmed_whatever_the_server_does(server: Server, endpoint: Make) -> None:
    server.behave = first(Reply(body=answer("I do.\nB: So?")))
    assert endpoint().complete([Request("a", stop=("\n", "B:"))]) == ["I do."]


def test_retry_after_holds_everybody_back(server: Server, endpoint: Make) -> None:
    server.behave = first(Reply(429, '{"error": {"message": "slow down"}}', {"Retry-After": "0.6"}))
    assert endpoint(concurrency=1).complete(REQUESTS[:2]) == ANSWERS[:2]
    assert len(server.times) == 3
    assert server.times[1] - server.times[0] >= 0.6


def test_retry_after_as_a_date(server: Server, endpoint: Make) -> None:
    later = email.utils.formatdate(time.time() + 3600, usegmt=True)
    server.behave = lambda number, body: Reply(429, "{}", {"Retry-After": later})
    with pytest.raises(UserError, match=r"wants no request for 3[56]\d\d s .*longest_wait=60"):
        endpoint().complete(REQUESTS[:1])
    assert len(server.bodies) == 1


def test_what_passes_is_tried_again(server: Server, endpoint: Make) -> None:
    server.behave = first(
        Reply(500, "oops", {"Content-Type": "text/html"}),
        Reply(503, "{}"),
        Reply(body="<html>busy</html>"),
        Reply(body='{"choices": []}'),
        Reply(cut=10),
    )
    assert endpoint(concurrency=1).complete(REQUESTS) == ANSWERS
    assert len(server.bodies) == len(REQUESTS) + 5


def test_waits_double(server: Server, endpoint: Make) -> None:
    server.behave = lambda number, body: Reply(500, "{}")
    with pytest.raises(UserError, match="no answer in 4 tries"):
        endpoint(tries=4, first_wait=0.1).complete(REQUESTS[:1])
    gaps = [later - earlier for earlier, later in itertools.pairwise(server.times)]
    assert all(gap >= 0.75 * wait for gap, wait in zip(gaps, (0.1, 0.2, 0.4), strict=True)), gaps


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(500, "oops"), "status 500: oops"),
        (Reply(body="not json " * 1000), "not JSON: 'not json"),
        (Reply(body='{"choices": [{}]}'), "without text"),
        (Reply(body="[]"), "without text"),
        (Reply(body=answer(None)), "without text"),
        (Reply(cut=5), "connection failed"),
        (Reply(wait=1.0), "no answer within 0.2 s"),
    ],
)
def test_what_never_passes_ends_in_one_paragraph(server: Server, endpoint: Make, reply: Reply, said: str) -> None:
    server.behave = lambda number, body: reply
    with pytest.raises(UserError, match="gave no answer in 2 tries") as caught:
        endpoint(tries=2, timeout=0.2 if reply.wait else 5.0).complete(REQUESTS[:1])
    assert said in str(caught.value)
    assert len(str(caught.value)) < 800
    assert "\n" not in str(caught.value)
    assert len(server.bodies) == 2


def test_a_server_that_is_down(endpoint: Make) -> None:
    with pytest.raises(UserError, match=r"in 2 tries \(last: the connection failed: .*efused"):
        endpoint(base_url="http://127.0.0.1:9/v1", tries=2).complete(REQUESTS)


def test_refusals_are_told_at_once(server: Server, endpoint: Make) -> None:
    server.behave = lambda number, body: Reply(404, '{"error": {"message": "no model m"}}')
    with pytest.raises(UserError, match=r"refused a request with status 404: .*no model m"):
        endpoint(concurrency=1).complete(REQUESTS)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "said",
    [
        '{"error": {"message": "too many tokens", "code": "context_length_exceeded"}}',
        '{"object": "error", "message": "This model\'s maximum context length is 64 tokens, you asked for 90"}',
        '{"error": {"code": 400, "message": "exceeds", "type": "exceed_context_size_error"}}',
    ],
)
def test_prompts_that_are_too_long_are_named(server: Server, endpoint: Make, said: str) -> None:
    def behave(number: int, body: dict[str, Any]) -> Reply:
        return Reply(400, said, wait=0.1) if body["messages"][0]["content"] in LONG else Reply(wait=0.3)

    server.behave = behave
    found: list[tuple[int, str]] = []
    with pytest.raises(PromptTooLongError, match=r"status 400.*longer context") as caught:
        found.extend(endpoint(concurrency=3).answers(REQUESTS))
    places = set(caught.value.places)
    assert places
    assert places <= {1, 2}
    assert found == [(0, ANSWERS[0])]  # what was under way
    server.behave = lambda number, body: Reply(400, '{"error": {"message": "no temperature"}}')
    with pytest.raises(UserError, match="Check language_model") as other:
        endpoint().complete(REQUESTS[:1])
    assert not isinstance(other.value, PromptTooLongError)


def test_empty_answers(server: Server, endpoint: Make) -> None:
    server.behave = first(Reply(body=answer("")), Reply(body=answer(None, reason="content_filter")))
    assert endpoint(concurrency=1).complete(REQUESTS[:2]) == ["", ""]
    server.behave = lambda number, body: Reply(body=answer("", reason="length"))
    with pytest.raises(UserError, match="Raise max_new_tokens"):
        endpoint().complete(REQUESTS[:1])


def test_what_is_under_way_at_a_failure_comes_in(server: Server, endpoint: Make) -> None:
    def behave(number: int, body: dict[str, Any]) -> Reply:
        asked = body["messages"][0]["content"]
        return Reply(401, "{}", wait=0.1) if asked == "say one" else Reply(wait=0.3)

    server.behave = behave
    found = []
    with pytest.raises(UserError, match="status 401"):
        found.extend(endpoint(concurrency=3).answers(REQUESTS))
    assert sorted(found) == [(1, ANSWERS[1]), (2, ANSWERS[2])]
    assert len(server.bodies) == 3  # nothing new was started


def test_concurrency_is_bounded_and_used(server: Server, endpoint: Make) -> None:
    server.behave = lambda number, body: Reply(wait=0.1)
    endpoint(concurrency=2).complete(REQUESTS)
    assert server.most_under_way == 2


def test_no_more_is_asked_than_is_taken(server: Server, endpoint: Make) -> None:
    """An answer that came in and is not kept yet is lost with its process: of these there are `concurrency` at most."""
    answers = endpoint(concurrency=2).answers(REQUESTS)
    for taken in range(1, len(REQUESTS) + 1):
        next(answers)
        time.sleep(0.1)
        assert len(server.bodies) <= taken - 1 + 2


def test_requests_per_minute(endpoint: Make) -> None:
    start = time.monotonic()
    endpoint(requests_per_minute=600, concurrency=6).complete(REQUESTS)
    assert time.monotonic() - start >= 5 * 0.1


def test_without_a_key(monkeypatch: pytest.MonkeyPatch, endpoint: Make, server: Server) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UserError, match=f"variable {VARIABLE} is not set"):
        endpoint()
    assert endpoint(key_variable=None).complete(REQUESTS[:1]) == ANSWERS[:1]
    assert server.keys == ["Bearer none"]


def test_the_key_is_in_no_message_log_or_identity(
    server: Server, endpoint: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for status in (401, 500, 200):  # a server that repeats the key
        server.behave = lambda number, body, status=status: Reply(status, f"x{'y' * 150}{KEY} is wrong")
        with pytest.raises(UserError) as caught:
            endpoint(tries=2).complete(REQUESTS[:1])
        said.append("".join(traceback.format_exception(caught.value)))
    assert "x" + "y" * 100 in said[0]
    for text in (*said, caplog.text, endpoint().identity, repr(endpoint()), json.dumps(server.bodies)):
        assert KEY not in text
        assert KEY[:12] not in text


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://user:secret@host/v1"},
        {"base_url": "http://host/v1?key=secret"},
        {"base_url": "host:80/v1"},
        {"mode": "edits"},
        {"tries": 0},
        {"requests_per_minute": 0},
    ],
)
def test_settings_out_of_range(endpoint: Make, settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="expected") as caught:
        endpoint(**settings)
    assert "secret" not in str(caught.value)


def test_the_servers_usual_answer() -> None:
    assert json.loads(usual({"prompt": "say one"}))["choices"][0]["text"] == "answer to one"
