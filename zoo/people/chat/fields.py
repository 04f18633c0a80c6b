"""What stands where on the page, how a conversation is told in its fields, and what they say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from zoo.errors import UserError

if TYPE_CHECKING:  # a page is shown before torch is imported
    from zoo.people.chat.conversation import Conversation

HEAD = (
    '<div class="zoo-head"><h1>Talk to a model</h1><p>Replies come as they are written. The same seed after the same '
    "history gives the same reply.</p></div>"
)
ONE, TWO = "One", "Two side by side"
GREEDY, SAMPLE = "likeliest", "sampled"
OFFERED = 300  # users in a list; any other id can be typed
Update = dict[Any, Any]


class SideFields:
    """Who answers on one side.

    Args:
        heading: "Left" or "Right".
        runs: names to choose from.
        run: the first choice.
        visible: is the side shown?
    """

    def __init__(self, heading: str, runs: Sequence[str], run: str, *, visible: bool) -> None:
        with gr.Group(visible=visible) as self.group:
            self.heading = gr.HTML(f'<div class="zoo-side">{heading}</div>', visible=False, elem_classes="zoo-heading")
            self.run = gr.Dropdown(list(runs), value=run, label="Run", elem_id=f"zoo-run-{heading.lower()}")
            self.user = gr.Dropdown(
                [], value="", label="User", info="Type to search, or any id", allow_custom_value=True, visible=False,
                elem_id=f"zoo-user-{heading.lower()}",
            )  # fmt: skip
            self.persona = gr.Textbox(
                label="Persona sentences", info="One a line", lines=3, max_lines=8,
                elem_id=f"zoo-persona-{heading.lower()}",
            )  # fmt: skip
            self.profile = gr.Textbox(label="Profile", info="One a line: age=30s", lines=2, visible=False)

    @property
    def all(self) -> list[Any]:
        """What a message is sent with, in the order of `zoo.people.chat.sides.Chosen`."""
        return [self.run, self.user, self.persona, self.profile]

    def filled(self, talk: "Conversation") -> Update:
        """They say what the conversation is."""
        model = talk.model
        users = [*([] if model.needs_user else [("(nobody in particular)", "")]), *model.users[:OFFERED]]
        count = len(model.users)
        more = f"{OFFERED} of {count:,} are listed; any id can be typed" if count > OFFERED else f"{count:,} known"
        unread = "One a line" if model.reads_persona else "Not read by this model: for the verdicts alone"
        return {
            self.run: model.name,
            self.user: gr.update(choices=users, value=talk.user, visible=bool(model.users), info=more),
            self.persona: gr.update(value="\n".join(talk.persona), info=unread),
            self.profile: gr.update(visible=model.reads_profile),
        }


class DecodingFields:
    """How replies are decoded, on both sides."""

    def __init__(self, seed: int) -> None:
        with gr.Accordion("Decoding", open=False, elem_id="zoo-decoding"):
            self.how = gr.Radio([GREEDY, SAMPLE], value=GREEDY, label="Next token", elem_id="zoo-how")
            self.temperature = gr.Slider(0.05, 2, 1, step=0.05, label="Temperature", visible=False)
            self.top_p = gr.Slider(0.05, 1, 1, step=0.05, label="Top p", visible=False)
            self.beams = gr.Slider(1, 10, 1, step=1, label="Beams", info="Above 1 a reply comes whole")
            self.longest = gr.Slider(1, 256, 64, step=1, label="New tokens at most")
            self.seed = gr.Number(seed, label="Seed", precision=0, elem_id="zoo-seed")

    @property
    def all(self) -> list[Any]:
        """In the order of the arguments of `settings_of`."""
        return [self.how, self.temperature, self.top_p, self.beams, self.longest, self.seed]

    def drawn(self, how: str) -> Update:
        """Sampled or not."""
        return {part: gr.update(visible=how == SAMPLE) for part in (self.temperature, self.top_p)}

    def filled(self, settings: Mapping[str, Any]) -> Update:
        """They say the settings; a range grows where a value lies outside, which gradio would refuse."""
        sampled = bool(settings.get("do_sample", settings.get("temperature", 0) > 0))
        values = {
            self.temperature: settings.get("temperature") or 1.0,
            self.top_p: settings.get("top_p") or 1.0,
            self.beams: settings.get("num_beams", 1),
            self.longest: settings["max_new_tokens"],
        }
        found: Update = {
            part: gr.update(value=value, minimum=min(part.minimum, value), maximum=max(part.maximum, value))
            for part, value in values.items()
        }
        for part, update in self.drawn(SAMPLE if sampled else GREEDY).items():
            found[part] |= update
        return found | {self.how: SAMPLE if sampled else GREEDY}


class Layout:
    """Every component, to be made within gradio's Blocks.

    Args:
        runs: names to choose from.
        seed: that is filled in.
    """

    def __init__(self, runs: Sequence[str], seed: int) -> None:
        self.visit = gr.State(None)
        gr.HTML(HEAD, elem_classes="zoo-title")
        self.note = gr.HTML("", elem_id="zoo-note")
        with gr.Row(elem_classes="zoo-columns"):
            with gr.Column(scale=1, min_width=270, elem_classes="zoo-settings"):
                self.mode = gr.Radio([ONE, TWO], value=ONE, label="Conversations", elem_id="zoo-mode")
                self.sides = [
                    SideFields("Left", runs, runs[0], visible=True),
                    SideFields("Right", runs, runs[min(1, len(runs) - 1)], visible=False),
                ]
                self.decoding = DecodingFields(seed)
            with gr.Column(scale=3, min_width=300, elem_classes="zoo-chat"):
                with gr.Row():
                    self.shown = [
                        gr.HTML("", elem_id="zoo-left", min_width=270, js_on_load=KEEP_AT_END),
                        gr.HTML("", elem_id="zoo-right", min_width=270, visible=False, js_on_load=KEEP_AT_END),
                    ]
                with gr.Row(elem_classes="zoo-say"):
                    self.message = gr.Textbox(
                        placeholder="Say something", label="Message", show_label=False, container=False, scale=6,
                        min_width=180, lines=1, max_lines=6, elem_id="zoo-message", autofocus=True,
                    )  # fmt: skip
                    self.send = gr.Button("Send", variant="primary", scale=1, min_width=80, elem_id="zoo-send")
                    self.halt = gr.Button("Stop", scale=1, min_width=80, visible=False, elem_id="zoo-stop")
                with gr.Row():
                    self.anew = gr.Button("Begin anew", size="sm", scale=0, min_width=150, elem_id="zoo-anew")
                    self.saves = [
                        gr.Button("Download (JSONL)", size="sm", scale=0, min_width=150, elem_id="zoo-save-left"),
                        gr.Button(
                            "Download right", size="sm", scale=0, min_width=150, visible=False, elem_id="zoo-save-right"
                        ),
                    ]
                self.scorer = gr.HTML("", elem_id="zoo-scorer")
        self.kept = gr.Textbox(visible="hidden", label="kept", elem_id="zoo-kept")

    def compared(self, mode: str) -> Update:
        """One conversation or two."""
        two = mode == TWO
        names = ["Download left", "Download right"] if two else ["Download (JSONL)", "Download right"]
        return {
            self.sides[0].heading: gr.update(visible=two),
            self.sides[1].heading: gr.update(visible=two),
            self.sides[1].group: gr.update(visible=two),
            self.shown[1]: gr.update(visible=two),
            self.saves[0]: gr.update(value=names[0]),
            self.saves[1]: gr.update(value=names[1], visible=two),
        }


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


# A transcript stays at its end while a reply is written and when the window changes, unless somebody scrolled up. The
# element is a new one at every piece.
KEEP_AT_END = """
let near = true, last = 0;
const end = () => {
  const talk = element.querySelector(".zoo-talk");
  if (talk && near) { talk.scrollTop = talk.scrollHeight; last = talk.scrollTop; }
};
element.addEventListener("scroll", (event) => {
  const talk = event.target, left = talk.scrollHeight - talk.scrollTop - talk.clientHeight;
  if (event.target.classList.contains("zoo-talk")) near = left < 60 || talk.scrollTop >= last;
}, true);
new MutationObserver(end).observe(element, {childList: true, subtree: true, characterData: true});
new ResizeObserver(end).observe(element);
"""
