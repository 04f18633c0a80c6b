"""From dialogues to examples: which utterances are replies, how much history each sees, which part of them is used.

Two rules of history:

* `last_k`: the reply's own dialogue, at most `max_exchanges` earlier exchanges plus the current query.
* `reference`: what the code released with "Personalized Dialogue Generation with Persona-Adaptive Attention"
  (arXiv:2210.15088) does, for reproducing its tables: dialogues with equal persona strings (in order) are joined into
  one key of N turns; exchanges with 1-based index below N - 9 are dropped for *every* turn of the key, so that its
  first N - 9 items all become the same (query, response); candidates are those of the key's last turn.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from typing import Literal

from zoo.data.records import Dialogue, DialogueExample
from zoo.errors import UserError

History = Literal["last_k", "reference"]
Users = Literal["speaker", "persona"]
Order = Literal["shuffled", "sorted_desc"]
SubsetRule = Literal["random_examples", "random_dialogues", "longest_first"]


def examples_from_dialogues(
    dialogues: Iterable[Dialogue],
    history: History = "last_k",
    max_exchanges: int = 9,
    users: Users = "speaker",
) -> list[DialogueExample]:
    """One example for every utterance of a responder that has something before it.

    Args:
        dialogues: what a reader gave.
        history: the rule, see the head of this module.
        max_exchanges: earlier (query, response) exchanges kept before the current query.
        users: "speaker" takes the corpus's user ids; "persona" makes an id from the set of persona sentences where the
            corpus names nobody, so that all dialogues of one persona share a user.

    Returns:
        Examples in corpus order. Candidates are in an order drawn from the example's id, because corpora put the gold
        reply last and a model that breaks ties by position would win.

    Raises:
        UserError: an unknown rule, or `reference` asked for dialogues that do not alternate query and response.
    """
    if history not in ("last_k", "reference") or users not in ("speaker", "persona") or max_exchanges < 0:
        raise UserError(
            f"history={history!r}, users={users!r}, max_exchanges={max_exchanges} was given; expected history 'last_k' "
            f"or 'reference', users 'speaker' or 'persona', and max_exchanges at least 0."
        )
    if history == "reference":
        return _reference(dialogues, max_exchanges, users)
    examples = []
    for dialogue in dialogues:
        for index, utterance in enumerate(dialogue.utterances):
            if index == 0 or utterance.speaker not in dialogue.responders:
                continue  # an opening utterance replies to nothing
            start = max(0, index - (2 * max_exchanges + 1))
            before = dialogue.utterances[start:index]
            said = tuple((earlier.text, earlier.speaker == utterance.speaker) for earlier in before)
            examples.append(
                _example(dialogue, index, utterance.speaker, said, utterance.text, utterance.candidates, users)
            )
    return examples


def _reference(dialogues: Iterable[Dialogue], max_exchanges: int, users: Users) -> list[DialogueExample]:
    turns_of: dict[str, list[tuple[Dialogue, int]]] = {}  # persona string -> (dialogue, index of the response)
    for dialogue in dialogues:
        speakers = [utterance.speaker for utterance in dialogue.utterances]
        if dialogue.responders != (1,) or speakers != [0, 1] * (len(speakers) // 2):
            raise UserError(
                f"Dialogue {dialogue.id} was given with history='reference', which expects speaker 0 and speaker 1 in "
                f"turn and only speaker 1 answering; use history='last_k' for this corpus."
            )
        turns = turns_of.setdefault(" ".join(dialogue.speakers[1].persona), [])
        turns += [(dialogue, index) for index in range(1, len(speakers), 2)]
    examples = []
    for turns in turns_of.values():
        first = max(0, len(turns) - max_exchanges - 1)  # 0-based index of the first exchange that is kept
        exchanges = [(dialogue.utterances[i - 1].text, dialogue.utterances[i].text) for dialogue, i in turns]
        last_dialogue, last_index = turns[-1]
        candidates = last_dialogue.utterances[last_index].candidates
        for turn, (dialogue, index) in enumerate(turns):
            shown = max(turn, first)
            said: list[tuple[str, bool]] = []
            for query, response in exchanges[first:shown]:
                said += [(query, False), (response, True)]
            query, response = exchanges[shown]
            said.append((query, False))
            ranked = candidates if not candidates or response in candidates else (*candidates, response)
            examples.append(_example(dialogue, index, 1, tuple(said), response, ranked, users))
    return examples


def _example(
    dialogue: Dialogue,
    index: int,
    speaker: int,
    said: tuple[tuple[str, bool], ...],
    response: str,
    candidates: tuple[str, ...],
    users: Users,
) -> DialogueExample:
    responder, partner = dialogue.speakers[speaker], dialogue.speakers[1 - speaker]
    example_id = f"{dialogue.id}/{index}"
    return DialogueExample(
        id=example_id,
        dialogue=dialogue.id,
        persona=responder.persona,
        history=tuple(text for text, _ in said),
        history_by_responder=tuple(by_responder for _, by_responder in said),
        response=response,
        user=responder.user or (user_of_persona(responder.persona) if users == "persona" else ""),
        profile=responder.profile,
        partner=partner.user or (user_of_persona(partner.persona) if users == "persona" else ""),
        partner_persona=partner.persona,
        partner_profile=partner.profile,
        candidates=tuple(random.Random(example_id).sample(candidates, len(candidates))),
    )


def user_of_persona(persona: Sequence[str]) -> str:
    """A stable user id for a set of persona sentences, whatever their order; "" for no sentences."""
    if not persona:
        return ""
    return "persona-" + hashlib.sha256("\n".join(sorted(persona)).encode()).hexdigest()[:12]


def sorted_rows(context_lengths: Sequence[int]) -> list[int]:
    """Rows by length of the context *string*, longest first, ties in corpus order: the PAA release's one order."""
    return sorted(range(len(context_lengths)), key=lambda row: -context_lengths[row])


def subset_rows(
    dialogues: Sequence[str],
    context_lengths: Sequence[int],
    percent: float,
    rule: SubsetRule = "random_examples",
    seed: int = 0,
) -> list[int]:
    """Rows of a low-resource subset, in corpus order.

    Args:
        dialogues: dialogue id of every row.
        context_lengths: characters of every row's context string; only `longest_first` looks at them.
        percent: how much to keep, above 0 and up to 100; at least one row is kept.
        rule: "random_examples"; "random_dialogues" (whole dialogues until the share is reached); "longest_first" (what
            the PAA release does: the first percent of the list sorted by `sorted_rows`, so no random sample at all).
        seed: of the two random rules.

    Raises:
        UserError: percent or rule is out of range.
    """
    total = len(dialogues)
    if not 0 < percent <= 100:
        raise UserError(f"train_percent={percent} was given; expected a number above 0 and up to 100.")
    wanted = max(1, int(total * percent / 100 + 1e-9))
    if rule == "random_examples":
        return sorted(random.Random(seed).sample(range(total), wanted)) if percent < 100 else list(range(total))
    if rule == "longest_first":
        return sorted(sorted_rows(context_lengths)[:wanted])
    if rule != "random_dialogues":
        raise UserError(
            f"subset_rule={rule!r} was given; expected 'random_examples', 'random_dialogues' or 'longest_first'."
        )
    rows_of: dict[str, list[int]] = {}
    for row, dialogue in enumerate(dialogues):
        rows_of.setdefault(dialogue, []).append(row)
    names = list(rows_of)
    random.Random(seed).shuffle(names)
    kept: list[int] = []
    for name in names:
        if len(kept) >= wanted:
            break
        kept += rows_of[name]
    return sorted(kept)
