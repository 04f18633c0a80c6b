"""Mean, deviation and bootstrap interval over seeds: `seeds NAME=RUN_DIR,... [NAME=...]`, or `seeds RUN_DIR...`.

Values are computed again from every run's generations, by one protocol. What an interval is, and what it is not, is
told in `zoo.evidence.seed_intervals`; differences to the first group are over the seeds that both have, on the same
draws of seeds and dialogues, since orderings are judged by them. Table 7 of the PAA paper (arXiv:2210.15088) prints the
mean and the standard deviation of five seeds.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from zoo.errors import UserError
from zoo.evidence.output import write_json
from zoo.evidence.seed_groups import SeedRun, read_groups
from zoo.evidence.seed_tables import cautions, differences_table, groups_table, notes
from zoo.evidence.seed_values import (
    Measured,
    asked_metrics,
    described,
    differences_to_first,
    measure,
    summarised,
)
from zoo.metrics.protocols import load_protocol
from zoo.metrics.results import remark_lines
from zoo.metrics.suite import USER_MEAN, MetricSuite

OUT = "the current folder"
RESAMPLES = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this report."""
    add_group_arguments(parser)
    parser.add_argument("--metric", nargs="+", metavar="METRIC", help="such as test/ppl_token [all of the protocol]")


def add_group_arguments(parser: argparse.ArgumentParser) -> None:
    """What reports on groups of runs share: the groups, and how they are scored and resampled."""
    parser.add_argument(
        "groups", nargs="+", metavar="NAME=RUN_DIR,...", help="runs of several seeds; without names grouped by settings"
    )
    parser.add_argument("--protocol", help="default, paa_reference or a YAML file [the runs' own]")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=f"of each interval [{RESAMPLES}]")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples [0]")


def check_numbers(resamples: int, seed: int) -> None:
    """Refuse numbers that no interval can be made with.

    Raises:
        UserError: fewer than one resample, or a negative seed.
    """
    if resamples < 1 or seed < 0:
        raise UserError(
            f"--resamples {resamples} --seed {seed} was given; expected at least one resample, and a seed from 0."
        )


def report(options: argparse.Namespace, console: Console) -> None:
    """Print the tables and what has to be known of them; write seeds.json."""
    check_numbers(options.resamples, options.seed)
    groups = read_groups(options.groups)
    suite = shared_protocol(options.protocol, [run for runs in groups.values() for run in runs])
    found = measure(groups, asked_suite(suite, options.metric), options.resamples, options.seed)
    metrics = asked_metrics(found, options.metric)
    summaries = {name: summarised(runs, metrics, options.seed) for name, runs in found.items()}
    differences = differences_to_first(found, metrics, options.seed)
    console.print(groups_table(summaries, f"protocol {suite.name}, {_size(found)}"))
    if differences:
        console.print(differences_table(differences))
    told = notes(found, metrics)
    remarks = suite.remarks(dict.fromkeys(metric.rpartition("/")[-1] for metric in metrics))
    lines = remark_lines(remarks.get("scorers", {}), remarks.get("cautions", {}))
    scored_by = [line for line in lines if not line.startswith("not comparable")]
    not_comparable = [line for line in lines if line not in scored_by] + cautions(found, metrics)
    for line in scored_by + not_comparable + told:
        console.print(line, highlight=False, markup=False, style="bold" if line in not_comparable else None)
    out = options.out or Path()
    contents = {
        "protocol": suite.name,
        "resamples": options.resamples,
        "seed": options.seed,
        "groups": {name: described(runs, summaries[name]) for name, runs in found.items()},
        "differences": differences,
        "scored_by": scored_by,
        "not_comparable": not_comparable,
        "notes": told,
    }
    write_json(out / "seeds.json", contents)
    console.print(str(out / "seeds.json"), highlight=False, markup=False, soft_wrap=True)


def shared_protocol(given: str | None, runs: Sequence[SeedRun]) -> MetricSuite:
    """The protocol that is given, else the one that all runs were scored by.

    Raises:
        UserError: they were scored by several, or there is none of that name.
    """
    own = [run.scored_by.get("protocol") or "default" for run in runs]
    for run, protocol in zip(runs, own, strict=True):
        if given is None and protocol != own[0]:
            raise UserError(
                f"{runs[0].run_dir} and {run.run_dir} were scored by different protocols "
                f"({_protocol_name(own[0])}, {_protocol_name(protocol)}; their settings count too). Name one for all: "
                "--protocol default."
            )
    return load_protocol(given or own[0], None, runs[0].scored_by)


def asked_suite(suite: MetricSuite, asked: Sequence[str] | None) -> MetricSuite:
    """The suite without what nobody asked for; whole where a name is known only when computed (`hits_1_of_19`)."""
    own = {name.rpartition("/")[-1] for name in asked or ()}
    plain = {name.removesuffix(USER_MEAN) for name in own}
    names = {
        key: {name + suite.ending(key) for name in metric.result_names}  # type: ignore[operator, union-attr]
        for key, metric in suite.metrics.items()
    }
    if not own or not plain <= set[str]().union(*names.values()):
        return suite
    chosen: Any = {key: suite.metrics[key] for key, given in names.items() if given & plain}
    by_user, cleaned = suite.by_user and own != plain, suite.cleaned & chosen.keys()
    return MetricSuite(chosen, suite.name, words=suite.words, by_user=by_user, clean_up=cleaned)


def _size(found: Mapping[str, Sequence[Measured]]) -> str:
    sizes = {f"{len(run.examples)} examples of {run.dialogues} dialogues" for runs in found.values() for run in runs}
    return sizes.pop() if len(sizes) == 1 else "examples of several sizes"


def _protocol_name(protocol: Any) -> str:
    return str(protocol.get("name", "custom") if isinstance(protocol, dict) else protocol)
