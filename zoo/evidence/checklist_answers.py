"""What finished runs answer to the questions of a reproducibility checklist: pairs of question and answer.

An answer that has "not recorded" in it is one that the runs cannot give, or not whole.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from zoo.data.corpus_facts import NOT_RECORDED, corpora_in
from zoo.evidence.checklist_words import giga, hardware, number, plain, several, spread
from zoo.metrics.definitions import definition
from zoo.run_record import FinishedRun

Answers = list[tuple[str, str]]
UNDEFINED = "no number (there was nothing to measure it on)"
PARTS = ("learner", "optimizer", "scheduler", "decoding")


def experiments(groups: Mapping[str, Sequence[FinishedRun]]) -> Answers:
    """Which runs there are, of which seeds, and whether they are as they were written."""
    runs = [run for own in groups.values() for run in own]
    unverified = [str(run.run_dir) for run in runs if not run.verified]
    lines = [f"{name}: {len(own)} (seed {several(run.seed for run in own)})" for name, own in groups.items()]
    checked = (
        "all files are as the runs wrote them (sha256)"
        if not unverified
        else f"not recorded by {', '.join(unverified)}: written before hashes were kept"
    )
    return [
        ("Number of runs and seeds", "\n".join([f"{len(runs)} in all", *lines])),
        ("Run directories", "\n".join(["", *(str(run.run_dir) for run in runs)])),
        ("Files unchanged", checked),
    ]


def method(runs: Sequence[FinishedRun]) -> Answers:
    """What was trained, with how many parameters, where and how long."""
    first = runs[0]
    net = (first.config.get("model") or {}).get("net") or {}
    backbone = first.config.get("backbone") or {}
    what = str(net.get("_target_") or first.provenance.get("language_model", NOT_RECORDED)).rpartition(".")[2]
    sizes = f"{number(first.parameters)}; trained: {number(first.trained_parameters)}"
    if first.trained_per_user is not None:
        sizes += f" ({first.trained_per_user:,} for each of {number(first.users)} users"
        sizes += " and those of the source stage)" if first.source else ")"
    machines = [run.provenance.get("machine") or {} for run in runs]
    weights = "random weights" if backbone.get("pretrained") is False else backbone.get("path", NOT_RECORDED)
    commit = backbone.get("revision") or ("" if weights == "random weights" else NOT_RECORDED)
    return [
        ("Method", f"{what}; switches {plain(net) or 'none'}"),
        ("Backbone", f"{backbone.get('name', NOT_RECORDED)}, {weights}{f', commit {commit}' if commit else ''}"),
        ("Number of parameters", sizes),
        ("Computing infrastructure", several(map(hardware, machines))),
        (
            "Runtime of a run",
            spread([run.seconds for run in runs], "s", "with the source stage" if first.source else ""),
        ),
        ("Of it training", spread([run.training_seconds for run in runs], "s")),
        ("Peak memory", spread([giga(run.peak_memory_bytes) for run in runs], "GB")),
        ("Peak memory of the process", spread([giga(run.peak_host_memory_bytes) for run in runs], "GB")),
    ]


def metrics(runs: Sequence[FinishedRun]) -> Answers:
    """Validation beside test, definitions with versions, and the spread over seeds."""
    names = list(dict.fromkeys(name for run in runs for name in run.results.metrics))
    tested = []
    for name in names:
        own = name.rpartition("/")[2]
        versions = several(run.metric_versions.get(own, NOT_RECORDED) for run in runs)
        cautions = {run.results.other.get("cautions", {}).get(own) for run in runs} - {None}
        more = "".join(f"; not comparable: {why}" for why in cautions)
        values = [run.results.metrics.get(name) for run in runs]
        told = UNDEFINED if any(value is not None and math.isnan(value) for value in values) else spread(values)
        tested.append(f"{name}: {told} (version {versions}; {definition(own)}{more})")
    scored = [f"{', '.join(names)} by {who}" for who, names in _by_value(_merged(runs, "scorers")).items()]
    monitored = [validation_score(run) for run in runs]
    known = [score for score in monitored if score is not None]
    validated = NOT_RECORDED
    if known and len(known) == len(runs):
        validated = f"{known[0][0]}: {spread([score for _, score in known])}; other metrics are measured in tests alone"
    seeds = len({run.seed for run in runs})
    return [
        ("Protocol", f"{several(run.protocol for run in runs)}; decoding {plain(runs[0].decoding) or NOT_RECORDED}"),
        ("Validation score of the weights that were tested", validated),
        ("Test scores, definitions and versions", "\n".join(["", *tested]) if tested else NOT_RECORDED),
        *([("Scorers", "\n".join(["", *scored]))] if scored else []),
        ("Variation", f"mean, standard deviation over {len(runs)} seeds" if seeds > 1 else f"one seed: {NOT_RECORDED}"),
        ("Test examples", several(run.results.n_examples for run in runs)),
    ]


def settings(groups: Mapping[str, Sequence[FinishedRun]]) -> Answers:
    """Values, bounds of what was searched, and how the best was chosen."""
    firsts = {name: runs[0] for name, runs in groups.items()}
    answers: Answers = []
    for name, run in firsts.items():
        whose = f" of {name}" if len(groups) > 1 else ""
        of_users = run.trained_per_user is not None  # their learner has optimizer, schedule and batches of its own
        parts = [part for part in PARTS if not (of_users and part in ("optimizer", "scheduler"))]
        values = [f"{part}: {plain(run.config.get(part)) or NOT_RECORDED}" for part in parts]
        if not of_users:
            values.append(f"global batch: {number(run.global_batch_size)}; steps: {number(run.optimizer_steps)}")
        values.append(f"stages before: {'a source stage, ' + str(run.source.run_dir) if run.source else 'none'}")
        answers.append((f"Values{whose}", "\n".join(["", *values])))
        typed = [line for line in run.overrides if not line.startswith(("hydra.", "run_dir"))]
        answers.append((f"Typed on the command line{whose}", ", ".join(typed) or "nothing"))
        grid = _grid(run)
        if grid:
            points = math.prod(len(values) for values in grid.values())
            bounds = "; ".join(f"{key}: {', '.join(map(str, values))}" for key, values in grid.items())
            answers.append((f"Searched{whose}", f"{bounds} ({points} points for every user)"))
            answers.append((f"Chosen{whose}", "for each user the point with the lowest validation loss"))
    if varied := _varied(list(firsts.values())):
        ranges = [f"{key}: {', '.join(values)}" for key, values in varied.items()]
        answers.append(("Given runs differ in", "\n".join(["", *ranges])))
        answers.append(("How one of them was chosen", f"{NOT_RECORDED}: these runs stand side by side"))
    elif not any(map(_grid, firsts.values())):
        told = f"{NOT_RECORDED}: no grid and no sweep among these runs; values are those of conf/ and the command line"
        answers.append(("Bounds of a search, and how values were chosen", told))
    return answers


def data(runs: Sequence[FinishedRun]) -> Answers:
    """Where the data come from, what they allow, how they are split, and what was left out."""
    answers: Answers = []
    for c in corpora_in([session.get("data") for run in runs for session in run.sessions]):
        answers += [
            (f"{c.title}: language", c.language or NOT_RECORDED),
            (
                f"{c.title}: licence",
                " ".join(filter(None, (c.licence, c.licence_url, f"({c.terms})" if c.terms else ""))),
            ),
            (f"{c.title}: download", c.link or ("embedded" if c.name in ("demo", "synthetic_users") else NOT_RECORDED)),
        ]
    for split in dict.fromkeys(split for run in runs for split in run.splits):
        records = [run.splits[split] for run in runs if split in run.splits]
        sizes = several(_sizes(record) for record in records)
        prints = several(str(record.get("fingerprint", NOT_RECORDED))[:16] for record in records)
        answers.append((f"Split {split}", f"{sizes}\nfingerprint {prints}"))
    files = dict(item for run in runs for item in run.data_hashes.items() if item[0] not in run.splits)
    answers.append(
        ("sha256 of files", "\n".join(["", *(f"{n}: {h}" for n, h in files.items())]) if files else "none read")
    )
    return answers


def code(runs: Sequence[FinishedRun]) -> Answers:
    """Commit, packages, and what decides whether a run repeats bit by bit."""
    commits = [run.provenance.get("code") or {} for run in runs]
    told = (
        f"{c['commit']}{' with changes that were not committed' if c.get('changed') else ''}" if c else NOT_RECORDED
        for c in commits
    )
    packages = (", ".join(f"{n} {v}" for n, v in (run.provenance.get("packages") or {}).items()) for run in runs)
    switches = (plain(run.provenance.get("determinism")) or NOT_RECORDED for run in runs)
    return [
        ("Commit", several(told)),
        ("Python", several(run.provenance.get("python", NOT_RECORDED) for run in runs)),
        ("Packages", several(packages)),
        ("Determinism", several(switches)),
        ("Link to the code", f"{NOT_RECORDED}: give where this commit can be read"),
    ]


def validation_score(run: FinishedRun) -> tuple[str, float] | None:
    """The monitored value at its best, of metrics.csv, or the mean of users' own best losses; None: not there."""
    users = run.run_dir / "users.jsonl"
    if users.is_file():
        losses = [json.loads(line)["best_nll"] for line in users.read_text(encoding="utf-8").splitlines() if line]
        found = [loss for loss in losses if loss is not None]
        return ("mean of users' best validation losses (nats a token)", mean(found)) if found else None
    monitor, curve = run.config.get("monitor"), run.run_dir / "metrics.csv"
    if not isinstance(monitor, str) or not curve.is_file():
        return None
    with curve.open(newline="") as file:
        values = [float(row[monitor]) for row in csv.DictReader(file) if row.get(monitor)]
    checkpoint = (run.config.get("callbacks") or {}).get("best") or {}
    best = max if checkpoint.get("mode") == "max" else min
    return (monitor, best(values)) if values else None


def _grid(run: FinishedRun) -> dict[str, list[Any]]:
    """Settings that every user tried, with their values."""
    given = (run.config.get("learner") or {}).get("grid") or {}
    return {key: values for key, values in given.items() if values}


def _varied(runs: Sequence[FinishedRun]) -> dict[str, list[str]]:
    """What was typed differently, with the values, in the order of the runs."""
    typed = [dict(line.lstrip("+").partition("=")[::2] for line in run.overrides) for run in runs]
    keys = dict.fromkeys(key for own in typed for key in own if key.split(".")[0] not in ("seed", "run_dir", "hydra"))
    values = {key: list(dict.fromkeys(own.get(key, "(not typed)") for own in typed)) for key in keys}
    return {key: found for key, found in values.items() if len(found) > 1}


def _sizes(record: Mapping[str, Any]) -> str:
    counts = {key: record[key] for key in ("dialogues", "examples", "examples_used") if key in record}
    told = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in counts.items()) or f"sizes {NOT_RECORDED}"
    if "examples" in counts and "examples_used" in counts:
        told += f"; left out: {counts['examples'] - counts['examples_used']:,} examples"
    if "examples_truncated" in record:
        told += f"; cut to fit: {record['examples_truncated']:,}"
    sets = record.get("test_sets")
    return told + (f"; test sets {', '.join(f'{name} {n:,}' for name, n in sets.items())}" if sets else "")


def _merged(runs: Sequence[FinishedRun], key: str) -> dict[str, str]:
    return {name: told for run in runs for name, told in run.results.other.get(key, {}).items()}


def _by_value(told: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in told.items():
        found.setdefault(value, []).append(name)
    return found
