"""What `python -m zoo.judge STUDY.yaml` does with a study besides serving it: results, exchange with other tools."""

import argparse
from pathlib import Path

from zoo.people.study import Study

RESAMPLES = 1_000


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the command line; without one of the first the study is served."""
    group = parser.add_argument_group("results", "each reads the file of judgements and serves nothing")
    does = group.add_mutually_exclusive_group()
    does.add_argument("--results", action="store_true", help="print and write tables, published numbers beside ours")
    group.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER", help="for the tables [report]")
    group.add_argument("--against", metavar="ROW", help="paired differences of all rows to this one [the study's last]")
    group.add_argument("--resamples", type=int, default=RESAMPLES, help=f"of each interval [{RESAMPLES}]")


def told(study: Study, options: argparse.Namespace) -> bool:
    """Do what the options ask for; False: nothing was asked, the study is to be served.

    Raises:
        UserError: there is nothing to tell, or it cannot be written.
    """
    if options.results:
        _results(study, options)
        return True
    return False


def _results(study: Study, options: argparse.Namespace) -> None:
    from zoo.evidence.output import tell_files, wide_console
    from zoo.evidence.report.files import NAMES, write_reports
    from zoo.evidence.report.terminal import show
    from zoo.evidence.seeds import check_numbers
    from zoo.judged.tables import reports_of
    from zoo.people.results.summary import results_of, study_store

    check_numbers(options.resamples, 0)
    results = results_of(study, study_store(study, options.database), options.resamples)
    reports = reports_of(results, options.against, options.resamples, 0)
    console = wide_console()
    for report in reports:
        show(report, console)
    write_reports(options.out, reports, study.title)
    tell_files(console, options.out / NAMES[0], *NAMES[1:])
