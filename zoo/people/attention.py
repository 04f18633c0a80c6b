"""Attention checks: items with one right answer, whatever the models are worth.

Two kinds, in turn. *Instructed* ones say in the place of the reply (of the sentence, of a dialogue's last turn) which
option to choose, the first or the last everywhere: known in surveys as instructed response items, sound for every
question and scale. Of a pair one reply asks to be chosen. *Scrambled* ones have the words of a real reply out of order,
at least six of them, and fail who calls that fluent (the upper half of the scale); they are made where the
questionnaire asks for `fluency` of one reply or sentence, and words stand between blanks. No check rests on a model's
reply being good or bad, or on the persona: a fair judge of weak models must not fail.
"""

import random
from dataclasses import replace
from itertools import pairwise

from zoo.people.questionnaire import Questionnaire
from zoo.people.records import DIALOGUE, PAIR, REPLY, SENTENCE, Item

ROW = "check"  # of every text in a check
FLUENCY = "fluency"
LEAST_WORDS = 6
INSTRUCTION = "This is a check that you are reading: please choose the {} option of every question on this page."


def attention_checks(questionnaire: Questionnaire, items: list[Item], number: int, seed: int) -> list[Item]:
    """`number` checks made from real items, so that nothing around the reply gives them away."""
    order = random.Random(f"{seed}/checks")
    bases = order.sample(sorted(items, key=lambda item: item.id), min(number, len(items)))
    long = [item for item in bases if len(_words(item)) >= LEAST_WORDS]
    scrambles = questionnaire.shows in (REPLY, SENTENCE) and any(one.name == FLUENCY for one in questionnaire.criteria)
    found = []
    for place in range(number if bases else 0):
        base = bases[place % len(bases)]
        if scrambles and place % 2 and long:
            made = _scrambled(long[place // 2 % len(long)], questionnaire, order)
        else:
            made = _instructed(base, questionnaire, last=order.random() < 0.5)
        found.append(replace(made, id=f"check/{place + 1}", rows=(ROW,) * len(base.rows)))
    return found


def _instructed(base: Item, questionnaire: Questionnaire, last: bool) -> Item:
    if base.kind == PAIR:
        texts = ("This is a check that you are reading: choose this reply.", "And do not choose this one.")
        return replace(base, texts=texts, expected={one.name: (1,) for one in questionnaire.criteria})
    ends = {one.name: ((max if last else min)(one.options),) for one in questionnaire.criteria}
    text = INSTRUCTION.format("last" if last else "first")
    if base.kind == DIALOGUE:
        speaker = base.turns[-1][0] if base.turns else "A"
        return replace(base, turns=(*base.turns[:-1], (speaker, text)), expected=ends)
    return replace(base, texts=(text,), expected=ends)


def _scrambled(base: Item, questionnaire: Questionnaire, order: random.Random) -> Item:
    options = sorted(questionnaire.criterion(FLUENCY).options)
    text = " ".join(_out_of_order(base.texts[0].split(), order))
    return replace(base, texts=(text,), expected={FLUENCY: tuple(options[: len(options) // 2])})


def _out_of_order(words: list[str], order: random.Random) -> list[str]:
    """With as few neighbours left beside each other as twenty tries give."""
    neighbours = set(pairwise(words))
    tries = [order.sample(words, len(words)) for _ in range(20)]
    return min(tries, key=lambda mixed: sum(pair in neighbours for pair in pairwise(mixed)))


def _words(item: Item) -> set[str]:
    return set(item.texts[0].split()) if item.texts else set()
