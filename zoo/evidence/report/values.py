"""Reports as CSV, a line a row and metric with all numbers, and as JSON."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from zoo.evidence.report.rows import Cell, Report, RowReport


def csv_rows(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """A dictionary for each row and metric, the same keys in all; None where there is nothing."""
    return [
        _line(report, row, column, cell)
        for report in reports
        for row in report.rows
        for column, cell in row.cells.items()
        if column in report.columns or cell.mean is not None  # of the audit what was measured
    ]


def csv_text(reports: Sequence[Report]) -> str:
    """The same as a file, in full precision."""
    rows = csv_rows(reports)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["table"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_values(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Everything, in plain types; None where a number is not finite, which JSON has no word for."""
    return [_finite(asdict(report)) for report in reports]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(report: Report, row: RowReport, column: str, cell: Cell) -> dict[str, Any]:
    facts, status, printed = row.facts, row.status, cell.printed
    low, high = cell.interval or (None, None)
    paired = next((one for one in report.differences if (one.metric, one.row) == (column, row.label)), None)
    between = (paired and paired.interval) or (None, None)
    return {
        "table": report.key,
        "row": row.name,
        "variant": row.variant,
        "metric": column,
        "version": report.versions.get(column),
        "printed": printed and printed.value,
        "printed_sd": printed and printed.sd,
        "read_off": printed and printed.read_off,
        "mean": cell.mean,
        "std": cell.std,
        "n": len(cell.values) if cell.n is None else cell.n,
        "low": low,
        "high": high,
        "values": " ".join(map(repr, cell.values)),
        "difference": cell.difference,
        "compares": None if cell.difference is None else not cell.because,
        "because": cell.because,
        "agrees": cell.agrees,
        "class": cell.mark,
        "status": status.word,
        "same_metric": status.metric,
        "same_split": status.split,
        "same_backbone": status.backbone,
        "same_training": status.training,
        "against": paired and paired.minus,
        "paired_difference": paired and paired.mean,
        "paired_low": between[0],
        "paired_high": between[1],
        "p": paired and paired.p,
        "p_holm": paired and paired.p_holm,
        "paired_seeds": paired and " ".join(map(str, paired.seeds)),
        "refused": paired and paired.refused,
        "n_examples": facts.n_examples,
        "n_dialogues": facts.n_dialogues,
        "seeds": " ".join(map(str, facts.seeds)),
        "protocol": facts.protocol,
        "data": facts.data,
        "code": "; ".join(facts.code),
        "hardware": "; ".join(facts.hardware),
        "seconds": facts.seconds,
        "training_seconds": facts.training_seconds,
        "peak_memory_bytes": facts.memory_bytes,
        "parameters": facts.parameters,
        "trained": facts.trained,
        "trained_per_user": facts.trained_per_user,
        "verified": facts.verified,
        "runs": " ".join(facts.runs),
        "missing": row.missing,
    }
