"""`samples_for_judges`: a few sentences of every category, for people to rate (PersonaChatGen, Table 5a: 510)."""

import csv
import io
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.synthesis.records import ProfileSentence


@dataclass(frozen=True, slots=True)
class Sample:
    """A sentence, and room for one judge's ratings of it. The fields are the columns of the file."""

    id: int  # from 1
    leaf: str
    key: str
    value: str
    sentence: str
    humanness: str = ""  # 1 definitely a model, ..., 4 definitely a human
    fluency: str = ""  # 1 very unnatural, ..., 4 very natural
    category_relevance: str = ""  # 1 not at all, ..., 4 a lot
    entity_factuality: str = ""  # 0 no, 1 don't know, 2 yes


def samples_for_judges(sentences: Iterable[ProfileSentence], per_leaf: int = 10, seed: int = 0) -> list[Sample]:
    """`per_leaf` sentences of every leaf, or all where there are fewer, by leaf in the order of their first sentences.

    One pass that holds no more than the samples (reservoir sampling, Vitter 1985, algorithm R): every sentence of a
    leaf is as likely. A leaf's draw depends on its own sentences and the seed alone.

    Raises:
        UserError: `per_leaf` is below 1.
    """
    if per_leaf < 1:
        raise UserError(f"{per_leaf} samples of each category were asked for; expected at least 1.")
    drawn: dict[str, list[ProfileSentence]] = {}
    rngs: dict[str, random.Random] = {}
    n_seen: dict[str, int] = {}
    for sentence in sentences:
        leaf = sentence.leaf
        if leaf not in drawn:
            drawn[leaf], rngs[leaf], n_seen[leaf] = [], random.Random(f"{seed}/{leaf}"), 0
        n_seen[leaf] += 1
        if len(drawn[leaf]) < per_leaf:
            drawn[leaf].append(sentence)
        elif (place := rngs[leaf].randrange(n_seen[leaf])) < per_leaf:
            drawn[leaf][place] = sentence
    every = (sentence for some in drawn.values() for sentence in some)
    return [Sample(n, one.leaf, one.key, one.value, one.text) for n, one in enumerate(every, start=1)]


def write_samples(path: str | Path, samples: Sequence[Sample]) -> None:
    """The samples as a table (.csv, for spreadsheets) or as one JSON object a line (.jsonl).

    Raises:
        UserError: another ending.
    """
    path = Path(path)
    rows = [asdict(sample) for sample in samples]
    if path.suffix == ".jsonl":
        write_atomically(path, (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
    elif path.suffix == ".csv":
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, [column.name for column in fields(Sample)])
        table.writeheader()
        table.writerows(rows)
        write_atomically(path, [text.getvalue().encode("utf-8")])
    else:
        raise UserError(f"Samples for judges were to be written to {path}; expected a name in .csv or .jsonl.")
