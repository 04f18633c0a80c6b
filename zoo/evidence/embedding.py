"""Which embedder a report compares texts with: what `--embedder` names, else the one that the runs chose."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from zoo.errors import UserError
from zoo.metrics.protocols import described_judge, run_config
from zoo.scorers.embedder import Embedder


def add_embedder_argument(parser: argparse.ArgumentParser) -> None:
    """`--embedder`."""
    parser.add_argument(
        "--embedder", help="characters, or a folder or hub id of a sentence model [the runs' own, else characters]"
    )


def report_embedder(given: str | None, run_dirs: Sequence[Path]) -> Embedder:
    """One embedder for all runs.

    Raises:
        UserError: the runs chose several and none is given, or it cannot be made.
    """
    if given is not None:
        described = described_judge("embedder", given)
    else:
        own: list[Any] = [run_config(run_dir).get("embedder") for run_dir in run_dirs]
        if any(config != own[0] for config in own):
            raise UserError(
                f"The runs {', '.join(map(str, run_dirs))} chose different embedders, so their similarities do not "
                "compare. Name one for all: --embedder characters, or --embedder FOLDER of a sentence model."
            )
        described = own[0] or described_judge("embedder", "characters")
    embedder: Embedder = instantiate(described)
    return embedder
