"""Runs and studies that judges' tests are about: finished run directories with replies of our own making."""

import re
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from fastapi.testclient import TestClient

from zoo.metrics.generations import Generation, write_generations
from zoo.metrics.results import write_results
from zoo.people.preparation import Prepared, prepare
from zoo.people.server import study_app
from zoo.people.study import read_study
from zoo.provenance import FILES, file_hash, write_record


def generation(id: str, row: str, **more: Any) -> Generation:
    """An example of the user that stands before the / of its id, and a reply that shows its row to the test alone."""
    user, number = id.split("/")
    return Generation(
        **{
            "id": id,
            "user": user,
            "persona": [f"i am {user} .", "i like tea ."],
            "history": [f"hello from {user} for time {number} .", "hi there .", "do you like tea or coffee more ?"],
            "reference": f"people say that they like tea more than coffee , {user} , time {number} .",
            "response": f"reply {sum(map(ord, row)) % 97} of {user} number {number} is that i like tea more .",
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


class Visit:
    """A study served, and visitors."""

    def __init__(
        self, folder: Path, rows: Sequence[str] = ("base", "ours"), judges: int | None = None, **study: Any
    ) -> None:
        self.ready: Prepared = prepare(
            read_study(write_study(folder, rows, **study)), folder / "answers.sqlite", judges
        )
        self.client = TestClient(study_app(self.ready), follow_redirects=True)
        self.links = {name: urlsplit(link).path for name, link in self.ready.links("http://testserver").items()}

    def page(self, who: str, place: object = "", **more: Any) -> Any:
        return self.client.get(f"{self.links[who]}/{place}".rstrip("/"), **more)

    def send(self, who: str, place: int, page: str, *without: str, **values: int) -> Any:
        """Send the form of a page, the lowest option of each question unless said otherwise."""
        fields = {"item": item_code(page), "seen": seen_in(page)}
        for criterion in self.ready.study.questionnaire.criteria:
            if criterion.name not in without:
                fields[f"q-{criterion.name}"] = str(values.get(criterion.name, min(criterion.options)))
        return self.client.post(f"{self.links[who]}/{place}", data=fields)

    def saved(self) -> dict[tuple[str, str], dict[str, int]]:
        found: dict[tuple[str, str], dict[str, int]] = {}
        for one in self.ready.store.judgements():
            found.setdefault((one.judge, one.item), {})[one.criterion] = one.value
        return found


def item_code(page: str) -> str:
    found = re.search(r'name="item" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9,-]*)"', page)
    assert found is not None
    return found[1]


def checked(page: str) -> dict[str, int]:
    found = re.findall(r'name="q-(\w+)" value="(-?\d+)" data-key="[^"]*" checked', page)
    return {name: int(value) for name, value in found}


@contextmanager
def no_space() -> Iterator[None]:
    """No file of this process can grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
