"""Which values of a column compare with each other: marks a, b, ... and, in words, what tells the classes apart.

Values compare where the test examples, the metric's version (a scorer's edition is part of it), and whatever else that
metric depends on are the same: the tokenizer for perplexities of tokens, decoding for metrics of replies, the
evaluation batch for those that count padding.
"""

import json
from collections.abc import Mapping, Sequence

from zoo.evidence.report.measuring import MeasuredRun
from zoo.evidence.seed_tables import BY_TOKENS
from zoo.metrics.generations import TEACHER_FORCED_FIELDS
from zoo.metrics.results import result_prefix
from zoo.metrics.suite import USER_MEAN

EXAMPLES, METRIC, TOKENIZER, DECODING, PADDING = (
    *("test examples", "metric versions", "tokenizers", "decoding settings"),
    "evaluation batches",
)
Signature = dict[str, tuple[str, ...]]  # by kind: of all runs of a row, once each


def set_and_name(column: str) -> tuple[str, str]:
    """("B", "f1_parlai") of "B/f1_parlai"."""
    test_set, _, name = column.rpartition("/")
    return test_set, name


def measured_as(column: str) -> str:
    """The column's name among a run's results."""
    test_set, name = set_and_name(column)
    return result_prefix(test_set) + name


def run_signature(run: MeasuredRun, column: str) -> dict[str, str]:
    """By kind, what a run's value of a column depends on beside the model."""
    test_set, full = set_and_name(column)
    name = full.removesuffix(USER_MEAN)
    reads = run.reads.get(name, frozenset())
    of_set = [test_set] if test_set in run.examples else sorted(run.examples)
    scored_by = run.measured.run.scored_by
    found = {EXAMPLES: " ".join(run.examples[key] for key in of_set), METRIC: run.definitions.get(full, "")}
    if name in BY_TOKENS:
        found[TOKENIZER] = " ".join(run.tokens[key] for key in of_set)
    if "response" in reads:
        decoding = scored_by.get("decoding") or scored_by.get("reply") or {}  # the second: of a prompted model
        settings = {k: v for k, v in dict(decoding).items() if not k.startswith("_")}
        found[DECODING] = json.dumps(settings, sort_keys=True, default=str)
    if not reads.isdisjoint(TEACHER_FORCED_FIELDS):
        found[PADDING] = str((scored_by.get("data") or {}).get("eval_batch_size"))
    return found


def row_signature(runs: Sequence[MeasuredRun], column: str) -> Signature:
    """The signatures of all runs of a row, by kind."""
    of_runs = [run_signature(run, column) for run in runs]
    return {kind: tuple(sorted({own[kind] for own in of_runs})) for kind in of_runs[0]}


def classes(
    rows: Mapping[str, Sequence[MeasuredRun]], columns: Sequence[str]
) -> tuple[dict[tuple[str, str], str], list[str]]:
    """A mark by (row, column) for columns whose values do not all compare, and what to say of them.

    Args:
        rows: runs by row, those that have none left out.
        columns: metrics, perhaps with a test set.

    Returns:
        Marks, and lines "not comparable in COLUMNS: ...", one for all columns that are told apart in the same way.
    """
    marks: dict[tuple[str, str], str] = {}
    told: dict[str, list[str]] = {}
    for column in columns:
        having = {
            n: r for n, r in rows.items() if any(measured_as(column) in one.measured.results.metrics for one in r)
        }
        signatures = {name: row_signature(runs, column) for name, runs in having.items()}
        for line in _mixed(signatures, having):
            told.setdefault(line, []).append(column)
        groups: list[tuple[Signature, list[str]]] = []
        for name, signature in signatures.items():
            for other, names in groups:
                if other == signature:
                    names.append(name)
                    break
            else:
                groups.append((signature, [name]))
        if len(groups) < 2:
            continue
        for number, (_, names) in enumerate(groups):
            marks |= {(name, column): _letter(number) for name in names}
        told.setdefault(_line(groups, having), []).append(column)
    return marks, [f"not comparable in {', '.join(columns)}: {line}" for line, columns in told.items()]


def _mixed(signatures: Mapping[str, Signature], rows: Mapping[str, Sequence[MeasuredRun]]) -> list[str]:
    """Rows whose own runs do not compare, so that their mean is of several things."""
    found = []
    for name, signature in signatures.items():
        if kinds := [kind for kind, of_runs in signature.items() if len(of_runs) > 1]:
            found.append(f"the {len(rows[name])} runs of {name} differ in {' and '.join(kinds)} among themselves")
    return found


def _line(groups: Sequence[tuple[Signature, list[str]]], rows: Mapping[str, Sequence[MeasuredRun]]) -> str:
    kinds = dict.fromkeys(kind for signature, _ in groups for kind in signature)
    apart = [kind for kind in kinds if len({signature.get(kind) for signature, _ in groups}) > 1]
    examples = {signature[EXAMPLES] for signature, _ in groups}
    if len({(signature[EXAMPLES], signature.get(TOKENIZER)) for signature, _ in groups}) == len(examples):
        apart = [kind for kind in apart if kind != TOKENIZER]  # of other references there are other tokens
    signatures = [signature for signature, _ in groups]
    parts = []
    for number, (signature, names) in enumerate(groups):
        told = (
            _settings(signature, signatures)
            if kind == DECODING
            else _value(kind, signature.get(kind, ()), rows[names[0]][0])
            for kind in apart
        )
        values = "; ".join(told)
        parts.append(f"{_letter(number)}: {', '.join(names)} ({values})")
    return f"rows differ in {' and '.join(apart)}. {'. '.join(parts)}"


def _value(kind: str, values: tuple[str, ...], run: MeasuredRun) -> str:
    """What stands behind a signature, for a reader."""
    if kind == EXAMPLES:
        return f"{len(run.measured.examples):,} examples, hash {', '.join(value[:8] for value in values)}"
    if kind == TOKENIZER:
        number = run.measured.n_tokens
        return "tokens not counted" if number is None else f"references of {number:,} tokens"
    if kind == PADDING:
        return f"{' or '.join(values)} a batch"
    return " or ".join(" ".join(value.replace('"', "").strip("{}").split()) for value in values)


def _settings(signature: Signature, all_of_them: Sequence[Signature]) -> str:
    """The settings of decoding that are not the same for all."""
    plain = [[json.loads(text) for text in one.get(DECODING, ())] for one in all_of_them]
    settings = [own for of_row in plain for own in of_row]
    keys = dict.fromkeys(key for own in settings for key in own)
    apart = [key for key in keys if any(own.get(key) != settings[0].get(key) for own in settings)]
    mine = [json.loads(text) for text in signature.get(DECODING, ())]
    return " or ".join(", ".join(f"{key} {own.get(key)}" for key in apart) for own in mine)


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"a{number}"
