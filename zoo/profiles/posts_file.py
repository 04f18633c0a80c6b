"""Posts as JSON lines, `{"user": "anna", "time": "2021-03-05T09:30", "text": "..."}`, and profiles as JSON lines."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.profiles.voting import Decision, profile_of

_FIELDS = ("user", "time", "text")


def read_posts(path: Path, days: int = 365) -> dict[str, list[str]]:
    """Every user's texts of the last `days` days before their newest post, that one included, oldest first.

    Times are ISO 8601; one without a zone is taken as UTC. Posts of the same time stay in the file's order.

    Raises:
        UserError: the file cannot be read, is empty, or a line is malformed; names file and line.
    """
    if days < 1:
        raise UserError(f"--days {days} was given; expected at least 1.")
    dated: dict[str, list[tuple[datetime, str]]] = {}
    try:
        raw_lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); expected posts as JSON lines.") from error
    for line, raw in enumerate(raw_lines, start=1):
        if not raw.strip():
            continue
        try:
            user, time, text = _post(json.loads(raw.decode("utf-8")))
        except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors too
            raise UserError(
                f'{path}, line {line}: {error}. Expected {{"user": "anna", "time": "2021-03-05T09:30", "text": "..."}} '
                f"on each line; mend the line."
            ) from error
        dated.setdefault(user, []).append((time, text))
    if not dated:
        raise UserError(f"{path} is empty; expected one post a line.")
    return {user: _recent(own, timedelta(days=days)) for user, own in dated.items()}


def write_profiles(path: Path, decided: Mapping[str, Mapping[str, Decision]], posts: Mapping[str, int]) -> None:
    """One line a user: profile, the share of votes and the confidence behind each value, and how many posts there were.

    ::

        {"user": "anna", "profile": {"age": "20s"}, "votes": {"age": [3, 4]}, "confidence": {"age": 0.7}, "posts": 600}
    """
    records = (
        {
            "user": user,
            "profile": profile_of(decisions),
            "votes": {attribute: [decision.votes, decision.voters] for attribute, decision in decisions.items()},
            "confidence": {attribute: round(decision.confidence, 4) for attribute, decision in decisions.items()},
            "posts": posts[user],
        }
        for user, decisions in decided.items()
    )
    write_atomically(path, (json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records))


def _post(record: Any) -> tuple[str, datetime, str]:
    if not isinstance(record, dict) or not all(isinstance(record.get(name), str) for name in _FIELDS):
        raise ValueError(f"{str(record)[:80]!r} lacks one of the texts {', '.join(_FIELDS)}")
    if not record["user"]:
        raise ValueError("'user' is empty")
    time = datetime.fromisoformat(record["time"])
    return record["user"], time if time.tzinfo else time.replace(tzinfo=UTC), record["text"]


def _recent(dated: list[tuple[datetime, str]], span: timedelta) -> list[str]:
    newest = max(time for time, _ in dated)
    return [text for time, text in sorted(dated, key=lambda post: post[0]) if newest - time < span]
