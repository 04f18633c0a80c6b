"""How good a three-way classifier is: accuracy, recall of each class, macro-F1, and what always guessing one gives."""

from collections.abc import Sequence
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from zoo.scorers.base import LABELS


def confusion(gold: Sequence[int] | Tensor, predicted: Sequence[int] | Tensor) -> Tensor:
    """Counts [3, 3]: rows are the true classes, columns the predicted ones, in the order of `LABELS`."""
    cells = 3 * torch.as_tensor(gold) + torch.as_tensor(predicted)
    return torch.bincount(cells.long().flatten().cpu(), minlength=9).view(3, 3)


def measures(counts: Tensor) -> dict[str, float]:
    """Shares, 0 to 1: accuracy, majority_accuracy, macro_f1 and recall_<class>; NaN where there is nothing to divide.

    A class that is neither there nor predicted is left out of macro_f1, as scikit-learn does.
    """
    counts = counts.double()
    hits, gold, predicted = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)  # [3] each
    f1 = (2 * hits / (gold + predicted))[gold + predicted > 0]
    found = {
        "accuracy": hits.sum() / counts.sum(),
        "majority_accuracy": gold.max() / counts.sum(),
        "macro_f1": f1.mean(),
        **{f"recall_{label}": recall for label, recall in zip(LABELS, hits / gold, strict=True)},
    }
    return {name: float(value) for name, value in found.items()}


def table(title: str, splits: dict[str, Tensor]) -> Table:
    """The measures of some splits side by side, from their counts."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    shown.add_column("measure")
    for name in splits:
        shown.add_column(name, justify="right")
    values: dict[str, dict[str, Any]] = {name: measures(counts) for name, counts in splits.items()}
    shown.add_row("pairs", *[f"{int(counts.sum()):,}" for counts in splits.values()])
    for measure in next(iter(values.values())):
        shown.add_row(measure, *[f"{values[name][measure]:.4f}" for name in splits])
    return shown
