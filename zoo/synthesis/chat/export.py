"""`export_dialogues`: synthetic dialogues as files that other programs, and `data=personachatgen`, read.

* `{split}_{self,both}_original_no_cands.txt`: ParlAI's text, as PersonaChat is published. A block is one *side*, that
  of the speaker who answers. Each dialogue is there twice, as in ConvAI2: B answers A (u0 -> u1, u2 -> u3, ...), and A
  answers B (`__SILENCE__` -> u0, u1 -> u2, ...). A last utterance that nobody answers is in the other side only.
* `{split}.jsonl`: this project's own lines (`data=jsonl`), a dialogue once, with both speakers to learn from and their
  persona sets as users; `provenance` has the dialogue's `source` and `scores`.
* `export.json`: which models made the dialogues, and how many of them there are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.data.convai2 import OWN, PARTNER
from zoo.data.jsonl import write_jsonl
from zoo.data.personachatgen import EXPORT, FACTS, SILENCE, text_file
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.files import write_atomically
from zoo.synthesis.chat.splits import Splits
from zoo.synthesis.records import SyntheticDialogue

VIEWS = ("self", "both")
SIDES = (1, 0)  # who answers; B first, who answers in ParlAI's first side of a dialogue


def export_dialogues(splits: Splits, folder: Path, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write all files of all splits to `folder/export`; a split without dialogues has none, and no old ones either.

    Args:
        splits: see `split_dialogues`.
        folder: of the synthesis.
        facts: more to record, plain.

    Returns:
        What `export.json` says: the models, what is in one split only, and numbers of dialogues, sides and examples.
    """
    target = folder / EXPORT
    counts = {}
    for split, dialogues in splits.dialogues.items():
        sides = [side for dialogue in dialogues for who in SIDES if (side := side_of(dialogue, who)).utterances]
        counts[split] = {
            "dialogues": len(dialogues),
            "sides": len(sides),
            "examples": sum(len(side.utterances) // 2 for side in sides),
        }
        for view in VIEWS:
            _write_text(target / text_file(split, view), sides, view)
        _write_lines(target / f"{split}.jsonl", dialogues)
    models = {str(one.source.get("model", "unknown")) for some in splits.dialogues.values() for one in some}
    record = {"models": sorted(models), "apart": splits.by, "splits": counts, **(facts or {})}
    write_atomically(target / FACTS, [json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"])
    return record


def side_of(dialogue: SyntheticDialogue, who: int) -> Dialogue:
    """A dialogue as ConvAI2's reader gives it: in pairs of a query and the response of `who`, 0 for A or 1 for B."""
    said = [_line(text) for text in dialogue.utterances]
    if who == 0:
        said = [SILENCE, *said]
    said = said[: len(said) // 2 * 2]
    own, partner = (Speaker(_persona(dialogue.personas[speaker])) for speaker in (who, 1 - who))
    utterances = tuple(Utterance(place % 2, text) for place, text in enumerate(said))
    return Dialogue(f"{dialogue.id}:{'AB'[who]}", (partner, own), utterances)


def whole(dialogue: SyntheticDialogue) -> Dialogue:
    """A dialogue once, with all utterances; both speakers' are replies to learn."""
    users = dialogue.source.get("persona_sets", ("", ""))
    a, b = (Speaker(_persona(persona), user) for persona, user in zip(dialogue.personas, users, strict=True))
    utterances = tuple(Utterance(turn % 2, _line(text)) for turn, text in enumerate(dialogue.utterances))
    return Dialogue(dialogue.id, (a, b), utterances, responders=(0, 1))


def parlai_lines(side: Dialogue, persona_view: str) -> Iterator[str]:
    """A side's numbered lines, without their ends."""
    partner, own = side.speakers
    bodies = [OWN + sentence for sentence in own.persona]
    if persona_view == "both":
        bodies += [PARTNER + sentence for sentence in partner.persona]
    texts = [utterance.text for utterance in side.utterances]
    bodies += [f"{query}\t{response}" for query, response in zip(texts[::2], texts[1::2], strict=True)]
    return (f"{number} {body}" for number, body in enumerate(bodies, start=1))


def _write_text(path: Path, sides: Sequence[Dialogue], persona_view: str) -> None:
    if sides:
        write_atomically(path, (f"{line}\n".encode() for side in sides for line in parlai_lines(side, persona_view)))
    else:
        path.unlink(missing_ok=True)


def _write_lines(path: Path, dialogues: Sequence[SyntheticDialogue]) -> None:
    if dialogues:
        provenance = ({"source": dict(one.source), "scores": dict(one.scores)} for one in dialogues)
        write_jsonl(map(whole, dialogues), path, provenance)
    else:
        path.unlink(missing_ok=True)


def _line(text: str) -> str:
    """On one line, without a tab; `__SILENCE__` for nothing at all."""
    return " ".join(text.split()) or SILENCE


def _persona(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for sentence in sentences if (line := " ".join(sentence.split())))
