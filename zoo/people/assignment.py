"""Who judges what: items are handed out one by one, each to so many judges, and come back if a judge walks away.

A judge gets the item that the fewest have (judged, or lately taken); among those, in an order of the judge's own. No
judge gets an item twice. Replies of different models to one example do not follow each other while anything else is
left. Attention checks go to every judge, spread evenly over the judge's items. All of it is decided in transactions, so
that two judges, or two windows of one, cannot take the same.
"""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from zoo.people.records import Item
from zoo.people.store import StudyStore

PATIENCE = 30 * 60.0  # seconds that an item waits for the judge who has it before it may go to another
_RENEW = 60.0  # seconds between notes that a judge is still there: not every look at a page is a write
_ENOUGH = 3  # judges to spare, from which on an item is as good as another


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one judge.

    Attributes:
        places: ids of the items that the judge was given, in order; only the last may be unanswered.
        answered: those that were judged.
        total: how many there will be, as far as can be told: others may take some, or leave some.
    """

    places: tuple[str, ...]
    answered: frozenset[str]
    total: int

    @property
    def current(self) -> int | None:
        """Place of the first unanswered item, from 1; None: there is none."""
        return next((place for place, id in enumerate(self.places, 1) if id not in self.answered), None)


class State:
    """What judges were given and did, as one look at the file found it.

    Args:
        connection: to the file.
        since: items that were handed out later are still waited for.
    """

    def __init__(self, connection: sqlite3.Connection, since: float) -> None:
        self.judges = {name for (name,) in connection.execute("SELECT name FROM judge WHERE role = 'judge'")}
        self.given: dict[str, dict[str, float]] = {}  # when it was handed out, by item, in order, by judge
        for judge, item, at in connection.execute("SELECT judge, item, at FROM shown ORDER BY judge, place"):
            self.given.setdefault(judge, {})[item] = at
        self.judged: dict[str, set[str]] = {}  # items by judge
        for judge, item in connection.execute("SELECT DISTINCT judge, item FROM judgement"):
            self.judged.setdefault(judge, set()).add(item)
        self.since = since

    def had(self, judge: str) -> set[str]:
        """Everything that a judge was given, or judged elsewhere."""
        return self.given.get(judge, {}).keys() | self.judged.get(judge, set())

    def taken(self) -> Counter[str]:
        """How many judges have judged each item, or are waited for."""
        waiting = {who: {item for item, at in own.items() if at > self.since} for who, own in self.given.items()}
        nothing: set[str] = set()
        return Counter(
            item for who in self.judges for item in self.judged.get(who, nothing) | waiting.get(who, nothing)
        )


class Assignment:
    """Hands items out.

    Args:
        store: has items and judges.
        items: of the store, in the study's order.
        per_item: judges of each item; checks go to all.
        per_judge: items of a judge at most, checks among them; None: no limit.
        judges: how many there are, to foresee how many items each will get.
        seed: of orders and sides.
        patience: see PATIENCE.
    """

    def __init__(
        self,
        store: StudyStore,
        items: Mapping[str, Item],
        per_item: int,
        per_judge: int | None,
        judges: int,
        seed: int,
        patience: float = PATIENCE,
    ) -> None:
        self.store, self.items, self.per_item, self.seed, self.patience = store, items, per_item, seed, patience
        self.real = [id for id, item in items.items() if not item.expected]
        self.checks = [id for id, item in items.items() if item.expected]
        self.most = len(self.real) if per_judge is None else min(len(self.real), per_judge - len(self.checks))
        self.foreseen = min(self.most, -(-len(self.real) * per_item // max(judges, 1))) + len(self.checks)

    def look(self, judge: str, now: float | None = None) -> Progress:
        """How far a judge is; hands nothing out."""
        with self.store.reading() as connection:
            return self._progress(judge, self._state(connection, now))

    def open(self, judge: str, now: float | None = None) -> Progress:
        """The same, after the next item was handed out if all before it are answered.

        An unanswered item stays the judge's, unless it waited too long and enough others have it now: then another
        takes its place.
        """
        at = time.time() if now is None else now
        with self.store.reading() as connection:
            state = self._state(connection, at)
        waiting = self._waiting(judge, state)
        if waiting is not None and state.given[judge][waiting] > at - _RENEW:
            return self._progress(judge, state)  # just handed out: nothing is to be written
        with self.store.transaction() as connection:
            self._hand_out(connection, judge, at)
            return self._progress(judge, self._state(connection, at))

    def save(
        self,
        judge: str,
        item: str,
        values: Mapping[str, int],
        now: float | None = None,
        seen: Mapping[str, int] | None = None,
    ) -> None:
        """Keep answers to an item, as `StudyStore.save` does, and hand the next one out with the same write."""
        at = time.time() if now is None else now
        with self.store.transaction() as connection:
            self.store.keep(connection, judge, item, values, at, seen)
            self._hand_out(connection, judge, at)

    def swapped(self, judge: str, item: str) -> bool:
        """Does this judge see the second reply of a pair first? Half of all do, by the seed."""
        return random.Random(f"{self.seed}/side/{judge}/{item}").random() < 0.5

    def check_places(self, judge: str) -> set[int]:
        """Where checks stand among the items that the judge will get, from 0: one in each equal stretch, not first."""
        order, number, total = random.Random(f"{self.seed}/checks/{judge}"), len(self.checks), self.foreseen
        ends = [n * total // number for n in range(number + 1)] if number else []
        return {order.randrange(max(low, min(1, high - 1)), high) for low, high in pairwise(ends)}

    def _state(self, connection: sqlite3.Connection, now: float | None) -> State:
        return State(connection, (time.time() if now is None else now) - self.patience)

    def _progress(self, judge: str, state: State) -> Progress:
        places = tuple(state.given.get(judge, {}))
        checks = sum(bool(self.items[id].expected) for id in places)
        left = min(len(self._left(judge, state)), self.most - (len(places) - checks))
        total = len(places) + max(left, 0) + len(self.checks) - checks
        return Progress(places, frozenset(state.judged.get(judge, ())), total)

    def _hand_out(self, connection: sqlite3.Connection, judge: str, now: float) -> None:
        """The next item, unless one waits for the judge, who still is to have it."""
        state = self._state(connection, now)
        waiting = self._waiting(judge, state)
        if waiting is not None and not self._is_lost(judge, waiting, state):
            connection.execute("UPDATE shown SET at = ? WHERE judge = ? AND item = ?", (now, judge, waiting))
            return
        places = [id for id in state.given.get(judge, {}) if id != waiting]
        if waiting is not None:
            connection.execute("DELETE FROM shown WHERE judge = ? AND item = ?", (judge, waiting))
        chosen = self._next(judge, places, state)
        if chosen is not None:
            (last,) = connection.execute("SELECT MAX(place) FROM shown WHERE judge = ?", (judge,)).fetchone()
            connection.execute("INSERT INTO shown VALUES (?, ?, ?, ?)", (judge, chosen, (last or 0) + 1, now))
            connection.execute("UPDATE judge SET first_seen = ? WHERE name = ? AND first_seen IS NULL", (now, judge))

    def _waiting(self, judge: str, state: State) -> str | None:
        return next((id for id in state.given.get(judge, {}) if id not in state.judged.get(judge, ())), None)

    def _is_lost(self, judge: str, item: str, state: State) -> bool:
        """Did it wait too long, and do enough others have it?"""
        late = state.given[judge][item] <= state.since
        return late and not self.items[item].expected and state.taken()[item] >= self.per_item

    def _left(self, judge: str, state: State) -> dict[str, int]:
        """Real items that the judge may still get, each with how many have it."""
        counts, had = state.taken(), state.had(judge)
        return {id: counts[id] for id in self.real if id not in had and counts[id] < self.per_item}

    def _next(self, judge: str, places: Sequence[str], state: State) -> str | None:
        checks = [id for id in self.checks if id not in places]
        done = len(places) - (len(self.checks) - len(checks))  # real ones
        left = self._left(judge, state) if done < self.most else {}
        before = self._example(places[-1]) if places else None
        if checks and (not left or self._is_check_due(judge, len(places), len(checks))):
            return next((id for id in checks if self._example(id) != before), checks[0])
        spare = self._spare(left, state)
        after_check = bool(places) and bool(self.items[places[-1]].expected)
        return next_item(
            {id: (spare[id], count) for id, count in left.items()},
            None if after_check else before,
            self._example,
            lambda id: (self._example(id) == before, random.Random(f"{self.seed}/{judge}/{id}").random()),
        )

    def _spare(self, left: Mapping[str, int], state: State) -> dict[str, int]:
        """How many more judges could still take each item than it needs, up to `_ENOUGH`.

        Those that only few can take go first: at the end the last judges would have judged them already.
        """
        every = [state.had(judge) for judge in state.judges]
        going = [had for had in every if len(had) - sum(id in had for id in self.checks) < self.most]
        seen = Counter(item for had in going for item in had)
        return {id: min(len(going) - seen[id] - (self.per_item - count), _ENOUGH) for id, count in left.items()}

    def _is_check_due(self, judge: str, place: int, left: int) -> bool:
        due = sum(at <= place for at in self.check_places(judge))
        return len(self.checks) - left < due

    def _example(self, id: str) -> tuple[str, str]:
        return self.items[id].group, self.items[id].example


def next_item(
    left: Mapping[str, Any],
    before: object,
    example: Callable[[str], object],
    order: Callable[[str], Any],
) -> str | None:
    """The most urgent item that is not of the example just judged; None: nothing is left.

    Where half of what is left is of one example it goes first, or its items would meet at the end.

    Args:
        left: urgency by item, such as how many have it: the least goes first.
        before: example of the item before.
        example: of an item.
        order: of the judge, among equally urgent ones.
    """
    if not left:
        return None
    sizes = Counter(example(id) for id in left)
    often, size = sizes.most_common(1)[0]
    free = [id for id in left if example(id) != before]
    if often != before and 2 * size > len(left):
        free = [id for id in free if example(id) == often]
    return min(free or left, key=lambda id: (left[id], order(id)))
