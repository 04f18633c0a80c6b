"""The page's behaviour: what happens when somebody opens it, chooses, sends, stops, begins anew, downloads."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from zoo.errors import UserError
from zoo.people.chat.fields import TWO, Layout, Update, settings_of
from zoo.people.chat.runs import Runs
from zoo.people.chat.start import Start

LOADING = "The model is being loaded; the first time this takes some seconds."
# The text becomes a file in the browser: none of a conversation is left on the server.
DOWNLOAD = """(text) => { if (text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/x-ndjson"}));
  link.download = "conversation.jsonl"; link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); }
  return ""; }"""


class Page:
    """Gradio's Blocks of a chat. Torch is imported when the first visitor's model is read, not before.

    Args:
        runs: that can be chosen.
        start: what was typed with the command.
    """

    def __init__(self, runs: Runs, start: Start) -> None:
        self.runs, self.start = runs, start
        with gr.Blocks(title="Talk to a model", analytics_enabled=False) as self.blocks:
            self.at = at = Layout(runs.names, start.seed)
            every = [at.note, at.visit, at.message, at.send, at.halt, at.kept, at.scorer, *at.shown, *at.saves]
            every += [part for side in at.sides for part in (side.group, side.heading, *side.all)] + at.decoding.all
            self._on(self.blocks.load, self.opened, [], every)
            for number, side in enumerate(at.sides):
                self._on(side.run.input, self.chosen(number), [at.visit, side.run], every)
                self._on(side.user.input, self.became(number), [at.visit, side.user], every)
                saved = self._on(at.saves[number].click, self.lines(number), [at.visit], [at.kept, at.note])
                saved.then(None, [at.kept], [at.kept], js=DOWNLOAD, api_visibility="private")
            self._on(at.mode.input, at.compared, [at.mode], every)
            self._on(at.decoding.how.input, at.decoding.drawn, [at.decoding.how], every)
            said = [at.visit, at.message, at.mode, *at.sides[0].all, *at.sides[1].all, *at.decoding.all]
            for sent in (at.send.click, at.message.submit):
                self._on(sent, self.answered, said, every, concurrency_limit=16)
            self._on(at.halt.click, self.halted, [at.visit], [])
            self._on(at.anew.click, self.begun, [at.visit], every)

    def _on(self, event: Any, do: Any, inputs: Sequence[Any], outputs: Sequence[Any], **options: Any) -> Any:
        plain = {"show_progress": "hidden", "api_visibility": "private", "queue": True, "concurrency_limit": 16}
        return event(do, list(inputs), list(outputs), **(plain | options))

    # -- what happens -------------------------------------------------------------------------------------------------

    def opened(self) -> Iterator[Update]:
        """A visitor of their own, and the first run's model."""
        yield {self.at.note: note(LOADING)}
        from zoo.people.chat.sides import Side, Visit

        try:
            scorer, typed = self.start.nli(), self.start.settings
            visit = Visit((Side(self.runs, scorer, typed), Side(self.runs, scorer, typed)))
            for number in (0, 1):
                self._first(visit, number)
        except UserError as error:
            yield {self.at.note: note(str(error), "wrong")}
            return
        found: Update = {self.at.visit: visit, self.at.note: "", self.at.scorer: self.start.told(scorer)}
        for number, side in enumerate(visit.sides):
            found |= self._fields(visit, number) | {self.at.shown[number]: side.shown()}
        yield found

    def chosen(self, number: int) -> Any:
        """Another run on one side."""

        def choose(visit: Any, run: str) -> Update:
            if visit is None:
                return {self.at.note: note(LOADING)}
            side, field = visit.sides[number], self.at.sides[number].run
            if visit.writing.locked():
                return {self.at.note: note(BUSY, "wrong"), field: side.conversation.model.name}
            try:
                side.choose(run)
                self._persona_of_user(side)
            except UserError as error:
                return {self.at.note: note(str(error), "wrong"), field: side.conversation.model.name}
            return {self.at.note: "", **self._fields(visit, number)}

        return choose

    def became(self, number: int) -> Any:
        """Another user on one side, with their own persona sentences."""

        def become(visit: Any, user: str | None) -> Update:
            if visit is None:
                return {self.at.note: note(LOADING)}
            talk, user = visit.sides[number].conversation, (user or "").strip()
            persona = self.runs.personas(talk.model.name).get(user, ())
            told = ""
            if user and not talk.model.known_user(user):
                told = note(f"{talk.model.name} knows no user {user!r}.", "wrong")
            return {self.at.note: told, self.at.sides[number].persona: "\n".join(persona)}

        return become

    def answered(self, visit: Any, message: str, mode: str, *fields: Any) -> Iterator[Update]:
        """A message goes to every side that is shown."""
        at = self.at
        if visit is None or not visit.writing.acquire(blocking=False):
            yield {at.note: note(LOADING if visit is None else BUSY, "" if visit is None else "wrong")}
            return
        from zoo.people.chat.sides import Chosen

        told, before = "", visit.turns
        try:
            visit.stop = stop = threading.Event()
            sides = visit.sides if mode == TWO else visit.sides[:1]
            decoding, seed = settings_of(*fields[8:])
            for number, side in enumerate(sides):
                chosen = Chosen(*(text or "" for text in fields[4 * number : 4 * number + 4]))
                side.prepare(chosen, message, decoding, seed)
            yield {at.note: "", at.message: "", at.send: gr.update(visible=False), at.halt: gr.update(visible=True)}
            for number, side in enumerate(sides):
                for shown in side.say(message, stop):
                    yield {at.shown[number]: shown}
                if stop.is_set():
                    break
        except UserError as error:
            told = note(str(error), "wrong")
        finally:
            visit.writing.release()
        again = {at.message: message} if visit.turns == before else {}  # nothing was said: it can be sent again
        yield {at.note: told, at.send: gr.update(visible=True), at.halt: gr.update(visible=False), **again}

    def halted(self, visit: Any) -> None:
        """The replies under way end."""
        if visit is not None:
            visit.stop.set()

    def begun(self, visit: Any) -> Update:
        """Both conversations begin anew."""
        if visit is None or visit.writing.locked():
            return {self.at.note: note(LOADING if visit is None else BUSY)}
        for side in visit.sides:
            side.reset()
        return {self.at.note: "", **{self.at.shown[n]: side.shown() for n, side in enumerate(visit.sides)}}

    def lines(self, number: int) -> Any:
        """What is downloaded of a side."""

        def keep(visit: Any) -> Update:
            text = "" if visit is None else visit.sides[number].lines()
            return {self.at.kept: text, self.at.note: "" if text else note("Nothing was said yet.")}

        return keep

    # -- fields -------------------------------------------------------------------------------------------------------

    def _first(self, visit: Any, number: int) -> None:
        """The model that a side begins with; the command's persona, user and decoding are the left one's."""
        names = self.runs.names
        side = visit.sides[number]
        side.choose(names[min(number, len(names) - 1)])
        talk = side.conversation
        if number == 0:
            persona = self.start.persona or self.runs.personas(talk.model.name).get(self.start.user, ())
            talk.become(self.start.user, persona)
            talk.decode(self.start.settings)
        elif talk.model.needs_user and len(names) == 1:  # two users of one run, to begin with
            talk.become(talk.model.users[min(1, len(talk.model.users) - 1)])
        self._persona_of_user(side)

    def _persona_of_user(self, side: Any) -> None:
        talk = side.conversation
        if talk.user and not talk.persona:
            talk.become(talk.user, self.runs.personas(talk.model.name).get(talk.user, ()))

    def _fields(self, visit: Any, number: int) -> Update:
        """Fields that say what a side's conversation is; the left one's decoding stands for both."""
        talk = visit.sides[number].conversation
        return self.at.sides[number].filled(talk) | (self.at.decoding.filled(talk.settings) if number == 0 else {})


def note(text: str, kind: str = "") -> str:
    """See `zoo.people.chat.shown.note`."""
    from zoo.people.chat.shown import note as shown_note

    return shown_note(text, kind)


BUSY = "A reply is being written; wait for its end, or stop it."
