"""Runs and studies that judges' tests are about: finished run directories with replies of our own making."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from zoo.metrics.generations import Generation, write_generations
from zoo.metrics.results import write_results
from zoo.provenance import FILES, file_hash, write_record


def generation(id: str, row: str, **more: Any) -> Generation:
    """An example of the user that stands before the / of its id, and a reply that shows its row to the test alone."""
    user = id.split("/")[0]
    return Generation(
        **{
            "id": id,
            "user": user,
            "persona": [f"i am {user} .", "i like tea ."],
            "history": [f"hello {id} .", "hi there .", "do you like tea or coffee more ?"],
            "reference": f"people say that they like tea more than coffee in {id} .",
            "response": f"reply {sum(map(ord, row)) % 97} to {id} is that i like tea more .",
            "nll": 1.0,
            "n_tokens": 3,
            **more,
        }
    )


def examples(row: str, users: int = 2, each: int = 3) -> list[Generation]:
    """`each` examples of `users` users."""
    return [generation(f"user{u}/{n}", row) for u in range(users) for n in range(each)]


def write_run(folder: Path, rows: Sequence[Generation] | Mapping[str, Sequence[Generation]]) -> Path:
    """A finished run with these generations, by test set where there are several."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": {"net": {}}, "data": {}, "seed": 1, "run": []}))
    names = ["config.yaml"]
    for name, of_set in (rows if isinstance(rows, Mapping) else {"": rows}).items():
        names.append(f"generations_{name}.jsonl" if name else "generations.jsonl")
        write_generations(folder / names[-1], of_set)
    write_results(folder / "metrics.json", {"test/ppl_token": 2.0}, {"ppl_token": 1}, 1, 1, {})
    names.append("metrics.json")
    write_record(folder, {"run": ["test"], FILES: {name: file_hash(folder / name) for name in names}})
    return folder


def write_study(
    folder: Path, rows: Sequence[str] = ("base", "ours"), users: int = 2, each: int = 3, **more: Any
) -> Path:
    """A study of runs that are written beside it, unless `runs` names others."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = more.pop("runs", None) or {row: str(write_run(folder / row, examples(row, users, each))) for row in rows}
    path = folder / "talk.yaml"
    plain = {"title": "Replies", "questionnaire": "paa", "seed": 3, "judges_per_item": 2, "runs": runs} | more
    path.write_text(yaml.safe_dump(plain))
    return path
