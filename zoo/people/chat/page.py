"""The page's behaviour: what happens when somebody opens it, chooses, sends, stops, begins anew, downloads."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from zoo.errors import UserError
from zoo.people.chat.fields import GREEDY, SAMPLE, TWO, Layout
from zoo.people.chat.runs import Runs
from zoo.people.chat.start import Start

OFFERED = 300  # users in a list; any other id can be typed
LOADING = "The model is being loaded; the first time this takes some seconds."
# The text becomes a file in the browser: none of a conversation is left on the server.
DOWNLOAD = """(text) => { if (text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/x-ndjson"}));
  link.download = "conversation.jsonl"; link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); }
  return ""; }"""
Update = dict[Any, Any]


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
            self._on(at.mode.input, self.compared, [at.mode], every)
            self._on(at.decoding.how.input, self.drawn, [at.decoding.how], every)
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
            scorer = self.start.nli()
            visit = Visit((Side(self.runs, scorer), Side(self.runs, scorer)))
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

    def compared(self, mode: str) -> Update:
        """One conversation or two."""
        two, at = mode == TWO, self.at
        names = ["Download left", "Download right"] if two else ["Download (JSONL)", "Download right"]
        return {
            at.sides[0].heading: gr.update(visible=two),
            at.sides[1].heading: gr.update(visible=two),
            at.sides[1].group: gr.update(visible=two),
            at.shown[1]: gr.update(visible=two),
            at.saves[0]: gr.update(value=names[0]),
            at.saves[1]: gr.update(value=names[1], visible=two),
        }

    def drawn(self, how: str) -> Update:
        """Sampled or not."""
        of_draws = (self.at.decoding.temperature, self.at.decoding.top_p)
        return {part: gr.update(visible=how == SAMPLE) for part in of_draws}

    def answered(self, visit: Any, message: str, mode: str, *fields: Any) -> Iterator[Update]:
        """A message goes to every side that is shown."""
        at = self.at
        if visit is None or not visit.writing.acquire(blocking=False):
            yield {at.note: note(LOADING if visit is None else BUSY, "" if visit is None else "wrong")}
            return
        from zoo.people.chat.sides import Chosen

        told, left = "", message
        try:
            visit.stop = stop = threading.Event()
            sides = visit.sides if mode == TWO else visit.sides[:1]
            decoding, seed = settings_of(*fields[8:])
            for number, side in enumerate(sides):
                chosen = Chosen(*(text or "" for text in fields[4 * number : 4 * number + 4]))
                side.prepare(chosen, message, decoding, seed)
            left = ""
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
        again = {at.message: left} if left else {}
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
        """Fields that say what a side's conversation is."""
        talk, at = visit.sides[number].conversation, self.at.sides[number]
        model, settings = talk.model, talk.settings
        users = [*([] if model.needs_user else [("(nobody in particular)", "")]), *model.users[:OFFERED]]
        count = len(model.users)
        more = f"{OFFERED} of {count:,} are listed; any id can be typed" if count > OFFERED else f"{count:,} known"
        unread = "One a line" if model.reads_persona else "Not read by this model: for the verdicts alone"
        found = {
            at.run: model.name,
            at.user: gr.update(choices=users, value=talk.user, visible=bool(model.users), info=more),
            at.persona: gr.update(value="\n".join(talk.persona), info=unread),
            at.profile: gr.update(visible=model.reads_profile),
        }
        if number == 0:
            sampled = bool(settings.get("do_sample", settings.get("temperature", 0) > 0))
            part = self.at.decoding
            found |= {
                part.how: SAMPLE if sampled else GREEDY,
                part.temperature: gr.update(value=settings.get("temperature") or 1.0, visible=sampled),
                part.top_p: gr.update(value=settings.get("top_p") or 1.0, visible=sampled),
                part.beams: settings.get("num_beams", 1),
                part.longest: gr.update(value=settings["max_new_tokens"], maximum=max(256, settings["max_new_tokens"])),
            }
        return found


def settings_of(
    how: str, temperature: float, top_p: float, beams: int, longest: int, seed: int | None
) -> tuple[dict[str, Any], int]:
    """The decoding fields as settings, and the seed.

    Raises:
        UserError: no seed.
    """
    if seed is None:
        raise UserError("The seed is empty; expected a whole number.")
    found: dict[str, Any] = {"do_sample": how == SAMPLE, "num_beams": int(beams), "max_new_tokens": int(longest)}
    if how == SAMPLE:
        found |= {"temperature": float(temperature), "top_p": float(top_p)}
    return found, int(seed)


def note(text: str, kind: str = "") -> str:
    """See `zoo.people.chat.shown.note`."""
    from zoo.people.chat.shown import note as shown_note

    return shown_note(text, kind)


BUSY = "A reply is being written; wait for its end, or stop it."
