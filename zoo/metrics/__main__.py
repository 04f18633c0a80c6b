"""`python -m zoo.metrics RUN_DIR`: every metric again, from the texts and likelihoods that a run kept."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from zoo.errors import UserError
from zoo.metrics.protocols import JUDGES, described_judge, load_protocol, recorded_protocol, run_config
from zoo.metrics.recompute import recompute
from zoo.metrics.results import Results, read_results, remark_lines, write_results
from zoo.metrics.side_by_side import comparison, together
from zoo.provenance import edited_files, record_rewritten


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute, print the table and, if asked to, write. Returns the exit code: 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.metrics",
        usage="%(prog)s RUN_DIR [--protocol NAME ...] [--scorer NAME] [--embedder NAME] [--write]",
        description=__doc__,
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with generations.jsonl")
    parser.add_argument(
        "--protocol",
        nargs="+",
        metavar="NAME",
        help="one or several, side by side: default, paa_reference or a YAML file [the one in RUN_DIR/config.yaml]",
    )
    parser.add_argument("--scorer", help="lexical, or a folder or hub id of an NLI model [the run's own, else lexical]")
    parser.add_argument(
        "--embedder", help="characters, or a folder or hub id of a sentence model [the run's own, else characters]"
    )
    parser.add_argument("--write", action="store_true", help="put the values into RUN_DIR/metrics.json")
    options = parser.parse_args(arguments)
    try:
        stored = stored_results(options.run_dir)
        protocols = options.protocol or [recorded_protocol(options.run_dir)]
        chosen = {judge: described_judge(judge, name) for judge in JUDGES if (name := getattr(options, judge))}
        suites = [load_protocol(protocol, chosen, run_config(options.run_dir)) for protocol in protocols]
        recomputed = [(suite.name, recompute(options.run_dir, suite)) for suite in suites]
        joined = together(recomputed)
        console = Console()
        if not console.is_terminal:
            console.width = 120  # in a log file rich would fold the table to 80
        console.print(comparison(recomputed, stored))
        for line in remark_lines(joined.other.get("scorers", {}), joined.other.get("cautions", {})):
            console.print(line, highlight=False, markup=False)
        if options.write:
            if "metrics.json" in (edited_files(options.run_dir) or {}):
                console.print("metrics.json was edited: only what was recomputed is kept", highlight=False)
                stored = None
            write(options.run_dir, joined, stored)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def stored_results(run_dir: Path) -> Results | None:
    """What the run itself measured, if it is there."""
    path = run_dir / "metrics.json"
    return read_results(path) if path.exists() else None


def write(run_dir: Path, recomputed: Results, stored: Results | None) -> None:
    """Put the recomputed values into metrics.json; all other keys stay as they are."""
    kept = stored or Results({}, {}, recomputed.n_examples, seed=run_config(run_dir).get("seed"))
    other = kept.other | recomputed.other
    for key in ("scorers", "cautions", "intervals"):  # those of values that stay as they are stay too
        former = kept.other.get(key, {}).items()
        told = {name: what for name, what in former if name.rpartition("/")[-1] not in recomputed.versions}
        other[key] = told | recomputed.other.get(key, {})
        if not other[key]:
            del other[key]
    for user, entry in recomputed.other.get("users", {}).items():
        entry["metrics"] = kept.other.get("users", {}).get(user, {}).get("metrics", {}) | entry["metrics"]
    write_results(
        run_dir / "metrics.json",
        metrics=kept.metrics | recomputed.metrics,
        versions=kept.versions | recomputed.versions,
        n_examples=kept.n_examples,
        seed=kept.seed,
        other=other,
    )
    record_rewritten(run_dir, ["metrics.json"])


if __name__ == "__main__":
    sys.exit(main())
