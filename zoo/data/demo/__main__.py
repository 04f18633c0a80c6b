"""`python -m zoo.data.demo FOLDER`: a few demo dialogues in the files of real corpora, to try readers and rows on.

FOLDER/convai2 has train.txt and valid.txt in ConvAI2's format, with 20 candidates a turn, and valid_both.txt with both
personas; FOLDER/dailydialog the authors' files of DailyDialog, all about topic 5, relationship; FOLDER/dnli the three
of DialogueNLI, about a hundred. Twelve people are in each of ConvAI2's files, no two of whom share two sentences:
half of them answer in six dialogues, with as many partners, the others in three.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from zoo.data.convai2 import OWN, PARTNER
from zoo.data.dailydialog import END, TOPICS
from zoo.data.demo import Person, demo_dialogues, demo_dialogues_between, people
from zoo.data.demo.nli import nli_pairs
from zoo.data.records import Dialogue
from zoo.files import write_atomically

PEOPLE = 12
DIALOGUES = (6, 3)  # in which every other person answers
GENERAL = {"train": 60, "validation": 20, "test": 20}  # dialogues of DailyDialog's splits
DNLI = {"train": slice(60), "dev": slice(60, 80), "test": slice(80, 100)}  # people of DialogueNLI's splits


def write_demo(folder: Path) -> None:
    """Write all files, see the module's text."""
    folk = distinct_people(2 * PEOPLE)
    for name, own in (("train", folk[:PEOPLE]), ("valid", folk[PEOPLE:])):
        pairs = [
            (person, own[(place + step) % PEOPLE])
            for place, person in enumerate(own)
            for step in range(1, 1 + DIALOGUES[place % len(DIALOGUES)])
        ]
        dialogues = demo_dialogues_between(name, pairs)
        _write(folder / "convai2" / f"{name}.txt", convai2_lines(dialogues, both=False))
        if name == "valid":
            _write(folder / "convai2" / "valid_both.txt", convai2_lines(dialogues, both=True))
    first = 0
    for split, number in GENERAL.items():
        dialogues = demo_dialogues("train")[first : first + number]
        first += number
        said = ["".join(f"{utterance.text} {END} " for utterance in one.utterances).strip() for one in dialogues]
        _write(folder / "dailydialog" / f"dialogues_{split}.txt", said)
        topic = str(TOPICS.index("relationship") + 1)
        _write(folder / "dailydialog" / f"dialogues_topic_{split}.txt", [topic] * number)
    for split, part in DNLI.items():
        array = json.dumps(list(nli_pairs(people("train")[part])))  # despite the ending, as there
        _write(folder / "dnli" / f"dialogue_nli_{split}.jsonl", [array])


def distinct_people(number: int) -> list[Person]:
    """People no two of whom share two sentences: those would be one person to `zoo.data.matching`."""
    found: list[Person] = []
    for person in people("train"):
        if all(len(set(person.sentences) & set(other.sentences)) < 2 for other in found):
            found.append(person)
    return found[:number]


def convai2_lines(dialogues: Sequence[Dialogue], both: bool) -> list[str]:
    """Dialogues as lines of ConvAI2's text; the true reply stands last among the candidates, as there."""
    lines = []
    for dialogue in dialogues:
        partner, own = dialogue.speakers
        block = [OWN + sentence for sentence in own.persona]
        block += [PARTNER + sentence for sentence in partner.persona] if both else []
        for query, reply in zip(dialogue.utterances[::2], dialogue.utterances[1::2], strict=True):
            wrong = [candidate for candidate in reply.candidates if candidate != reply.text]
            block.append(f"{query.text}\t{reply.text}\t\t{'|'.join([*wrong, reply.text])}")
        lines += [f"{number} {line}" for number, line in enumerate(block, start=1)]
    return lines


def _write(path: Path, lines: Sequence[str]) -> None:
    write_atomically(path, [f"{line}\n".encode() for line in lines])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m zoo.data.demo", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="is made")
    write_demo(parser.parse_args().folder)


if __name__ == "__main__":
    main()
