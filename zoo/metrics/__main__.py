"""`python -m zoo.metrics RUN_DIR`: every metric again, from the texts and likelihoods that a run kept."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from yaml import YAMLError

from zoo.errors import UserError
from zoo.metrics.by_user import intervals, results_by_user
from zoo.metrics.generations import TEACHER_FORCED_FIELDS, Generation, read_generations
from zoo.metrics.results import Results, read_results, remark_lines, result_prefix, write_results
from zoo.metrics.side_by_side import comparison, together
from zoo.metrics.suite import MetricSuite

PROTOCOLS = Path(__file__).parents[2] / "conf" / "protocol"
JUDGES = {"scorer": "lexical", "embedder": "characters"}  # parts of metrics that a run chooses, and the usual choice
WITH_MODEL = {"scorer": "nli", "embedder": "sentence_model"}
_GENERATIONS_FILE = re.compile(r"generations(?:_(?P<test_set>.+))?\.jsonl")


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
            write(options.run_dir, joined, stored)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def recompute(run_dir: Path, suite: MetricSuite) -> Results:
    """All metrics of all test sets, see `measured`, from the texts that the run kept.

    Raises:
        UserError: no such folder, no generations in it, bad lines in them, or nothing of the teacher-forced ids that
            a metric needs.
    """
    generations = generations_by_set(run_dir)
    check_teacher_forced_ids(run_dir, generations, suite)
    return measured(generations, suite)


def generations_by_set(run_dir: Path) -> dict[str, list[Generation]]:
    """The rows of generations.jsonl under "", those of generations_<set>.jsonl under <set>.

    Raises:
        UserError: no such folder, no generations in it, or bad lines in them.
    """
    if not run_dir.is_dir():
        raise UserError(f"There is no folder {run_dir}. Give the path that the run printed as its run directory.")
    found = {path: match for path in sorted(run_dir.iterdir()) if (match := _GENERATIONS_FILE.fullmatch(path.name))}
    if not found:
        raise UserError(f"There is no generations.jsonl in {run_dir}. Evaluate the run first: that writes it.")
    return {match["test_set"] or "": read_generations(path) for path, match in found.items()}


def measured(generations: Mapping[str, Sequence[Generation]], suite: MetricSuite) -> Results:
    """All metrics of all test sets: rows under "" as test/<metric>, those under <set> as test/<set>/<metric>."""
    metrics: dict[str, float] = {}
    versions: dict[str, int | str] = {}
    for test_set, rows in generations.items():
        suite.reset()
        suite.update(rows)
        metrics |= {result_prefix(test_set) + name: value for name, value in suite.compute().items()}
        versions |= suite.versions()
    other: dict[str, Any] = {}
    if suite.by_user:
        means, versions_of_means, other["users"] = results_by_user(suite, generations)
        metrics |= means
        versions |= versions_of_means
        other["intervals"] = intervals(other["users"])
    other |= suite.remarks(versions)
    return Results(metrics, versions, sum(map(len, generations.values())), seed=None, other=other)


def check_teacher_forced_ids(
    run_dir: Path, generations: Mapping[str, Sequence[Generation]], suite: MetricSuite
) -> None:
    """Refuse a protocol that reads ids which a run did not keep.

    Raises:
        UserError: says how a run keeps them.
    """
    rows = [row for of_set in generations.values() for row in of_set]
    needed = sorted(suite.needs & TEACHER_FORCED_FIELDS)
    if lacking := [field for field in needed if all(getattr(row, field) is None for row in rows)]:
        raise UserError(
            f"{run_dir / 'generations.jsonl'} keeps no {', '.join(lacking)}, which protocol {suite.name} needs. A run "
            "keeps them under protocol=paa_both, and under any other protocol with protocol.teacher_forced_ids=true: "
            "evaluate it again with one of these, run=[test] and ckpt_path=best."
        )


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


def load_protocol(
    protocol: Any, chosen: Mapping[str, Any] | None = None, usual: Mapping[str, Any] | None = None
) -> MetricSuite:
    """The suite that a name (a file of conf/protocol), a path or a configuration describes.

    Args:
        protocol: name, path or configuration.
        chosen: configurations of a "scorer" and an "embedder" that take the place of its metrics' own.
        usual: what `${scorer}` and `${embedder}` in a protocol's file stand for, else the lexical one and characters.

    Raises:
        UserError: there is no such protocol, or it is not one of metrics.
    """
    described = protocol
    try:
        if isinstance(protocol, str):
            path = Path(protocol)
            if path.suffix not in (".yaml", ".yml"):
                path = PROTOCOLS / f"{protocol}.yaml"
            if not path.is_file():
                known = ", ".join(sorted(file.stem for file in PROTOCOLS.glob("*.yaml")))
                raise UserError(f"There is no protocol {protocol!r}. Choose {known or 'the path of a YAML file'}.")
            described = OmegaConf.load(path)
        chosen, usual = chosen or {}, usual or {}
        judges = {
            judge: chosen.get(judge) or usual.get(judge) or described_judge(judge, name)
            for judge, name in JUDGES.items()
        }
        root = OmegaConf.merge(judges, described)
        plain: Any = OmegaConf.to_container(root, resolve=True)  # beside the judges, as in run.py's configuration
        for judge in JUDGES:
            del plain[judge]
            for metric in plain.get("metrics", {}).values():
                if judge in chosen and judge in metric:
                    metric[judge] = chosen[judge]
        suite = instantiate(plain)
    except (HydraException, OmegaConfBaseException, YAMLError, TypeError) as error:
        if isinstance(error.__cause__, UserError):  # of a metric's settings
            raise error.__cause__ from error
        raise UserError(f"The protocol {protocol!r} cannot be read: {error}") from error
    if not isinstance(suite, MetricSuite):
        raise UserError(f"The protocol {protocol!r} does not describe a zoo.metrics.suite.MetricSuite.")
    return suite


def described_judge(judge: str, name: str) -> Any:
    """The configuration of a "scorer" or "embedder" that is named: the usual one, or the path of a model."""
    usual = name == JUDGES[judge]
    config = OmegaConf.load(PROTOCOLS.with_name(judge) / f"{name if usual else WITH_MODEL[judge]}.yaml")
    if not usual:
        config.path = name
    return OmegaConf.to_container(config, resolve=True)


def recorded_protocol(run_dir: Path) -> Any:
    """The protocol in the run's own configuration, else "default"."""
    return run_config(run_dir).get("protocol") or "default"


def run_config(run_dir: Path) -> dict[str, Any]:
    """What the run was scored by, plain: RUN_DIR/evaluation.yaml, else config.yaml; empty where there is neither.

    Raises:
        UserError: it is no YAML mapping.
    """
    path = run_dir / "evaluation.yaml"
    if not path.exists():
        path = run_dir / "config.yaml"
    if not path.exists():
        return {}
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} holds a list, expected a mapping.")
    return {str(key): value for key, value in config.items()}


if __name__ == "__main__":
    sys.exit(main())
