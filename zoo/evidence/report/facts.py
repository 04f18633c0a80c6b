"""Where a row's values come from: data hashes, code, hardware, time, memory and sizes, as its runs recorded them."""

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.evidence.report.measuring import MeasuredRun
from zoo.evidence.report.rows import Facts
from zoo.run_record import FinishedRun

SHORT = 8  # characters of a hash


def row_facts(runs: Sequence[MeasuredRun], records: Sequence[FinishedRun]) -> Facts:
    """What all runs of a row have in common, or each of theirs."""
    if not runs:
        return Facts()
    times = [record.training_seconds for record in records]
    known = [seconds for seconds in times if seconds is not None]
    return Facts(
        runs=tuple(str(run.measured.run.run_dir) for run in runs),
        seeds=tuple(run.measured.run.seed for run in runs),
        n_examples=len(runs[0].measured.examples),
        n_dialogues=runs[0].measured.dialogues,
        data="; ".join(dict.fromkeys(_data(run, record) for run, record in zip(runs, records, strict=True))),
        protocol=", ".join(dict.fromkeys(run.suite.name for run in runs)),
        code=tuple(dict.fromkeys(_code(record) for record in records)),
        hardware=tuple(dict.fromkeys(_hardware(record) for record in records)),
        seconds=sum(record.seconds for record in records) / len(records),
        training_seconds=sum(known) / len(known) if len(known) == len(times) else None,
        memory_bytes=max((record.peak_memory_bytes or 0 for record in records), default=0) or None,
        parameters=records[0].parameters,
        trained=records[0].trained_parameters,
        trained_per_user=records[0].trained_per_user,
        verified=all(record.verified for record in records),
    )


def _data(run: MeasuredRun, record: FinishedRun) -> str:
    """Hashes: of the corpus's files, of the splits as they were encoded, and of what was scored."""
    told = [f"{name} {value[:SHORT]}" for name, value in record.data_hashes.items()]
    scored = " ".join(value[:SHORT] for value in run.examples.values())
    return f"{', '.join([*told, f'scored examples {scored}'])}"


def _code(record: FinishedRun) -> str:
    """Commits of all sessions: a run may have been resumed, or scored again, by other code."""
    return ", ".join(dict.fromkeys(_commit(session.get("code") or {}) for session in record.sessions))


def _commit(code: Mapping[str, Any]) -> str:
    commit = str(code.get("commit", "unknown"))[:10]
    return f"{commit} (changed since)" if code.get("changed") else commit


def _hardware(record: FinishedRun) -> str:
    machine = record.provenance.get("machine") or {}
    gpus = machine.get("accelerators") or []
    told = f"{len(gpus)} x {gpus[0]}" if gpus else str(machine.get("processor", "unknown"))
    return f"{told}, {machine.get('processes', 1)} process(es), {machine.get('threads', '?')} thread(s)"
