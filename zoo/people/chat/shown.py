"""What a page shows of a conversation: HTML of our own in which nobody's words are more than words.

Every text goes through `words`; the only elements are those written here.
"""

import html
from collections.abc import Mapping, Sequence

from zoo.people.chat.agreement import Verdict
from zoo.people.chat.conversation import PARTNER, Turn
from zoo.people.chat.terminal import printable

SHORT = {"entailment": "agrees", "neutral": "neutral", "contradiction": "contradicts"}
_OF_TEMPLATES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "{}$`\\"})  # Gradio fills in ${...} and {{...}}


def words(text: str) -> str:
    """The text as HTML that shows just it: no element, no link, no image, no placeholder of a template."""
    return html.escape(printable(text)).translate(_OF_TEMPLATES)


def transcript(
    turns: Sequence[Turn], verdicts: Mapping[int, Sequence[Verdict]], pending: tuple[str, str] | None, name: str
) -> str:
    """A whole conversation.

    Args:
        turns: so far.
        verdicts: on persona sentences, by the index of the turn.
        pending: a message, and what was written of its reply so far.
        name: of who answers now.
    """
    shown = []
    last = max((number for number, turn in enumerate(turns) if turn.speaker != PARTNER), default=-1)
    for number, turn in enumerate(turns):
        if turn.speaker == PARTNER:
            shown.append(_bubble("partner", "you", turn.text))
            continue
        below = _verdicts(verdicts.get(number, ()), opened=number == last and pending is None)
        ending = " (stopped)" if turn.stopped else ""
        shown.append(_bubble("responder", f"{turn.user or turn.run}{ending}", turn.text, below))
    if pending is not None:
        shown += [_bubble("partner", "you", pending[0]), _bubble("responder writing", name, pending[1] or "…")]
    if not shown:
        shown = ['<p class="zoo-empty">Nothing was said yet.</p>']
    return f'<div class="zoo-talk" role="log" aria-live="polite" tabindex="0">{"".join(shown)}</div>'


def note(text: str, kind: str = "") -> str:
    """A line about the page itself: kind "wrong" for what could not be done."""
    return f'<div class="zoo-note {kind}" role="status" dir="auto">{words(text)}</div>' if text else ""


def _bubble(kind: str, name: str, text: str, below: str = "") -> str:
    said = f'<div class="zoo-said" dir="auto">{words(text)}</div>' if text else '<div class="zoo-said">(nothing)</div>'
    return f'<div class="zoo-turn {kind}"><div class="zoo-who" dir="auto">{words(name)}</div>{said}{below}</div>'


def _verdicts(found: Sequence[Verdict], opened: bool) -> str:
    if not found:
        return ""
    counts = [sum(verdict.label == label for verdict in found) for label in ("entailment", "contradiction")]
    rows = "".join(
        f'<li class="{verdict.label}"><b>{SHORT[verdict.label]}</b> <span dir="auto">{words(verdict.sentence)}</span> '
        f'<i title="probability that the scorer gives">{verdict.probability:.2f}</i></li>'
        for verdict in found
    )
    told = f"agrees with {counts[0]}, contradicts {counts[1]} of {len(found)} persona sentences"
    return (
        f'<details class="zoo-verdicts"{" open" if opened else ""}><summary>{told}</summary><ul>{rows}</ul></details>'
    )
