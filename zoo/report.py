"""`python -m zoo.report RUN_DIR...`: tables published | reproduced | why they differ, from finished runs.

Runs that differ in nothing but their seed are one row; NAME=RUN_DIR,RUN_DIR,... names one. Of a run of
`experiment=paa/paa` the printed values stand beside it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.output import wide_console
from zoo.evidence.report.files import NAMES, write_reports
from zoo.evidence.report.requested import requested_tables
from zoo.evidence.report.tables import RESAMPLES, report_of
from zoo.evidence.report.terminal import show
from zoo.evidence.seeds import check_numbers
from zoo.launch import readable_errors


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR", help="run directories, or NAME=RUN_DIR,RUN_DIR,...")
    parser.add_argument("--table", metavar="PAPER/TABLE", help="all rows of it [every table with a row of theirs]")
    parser.add_argument(
        "--against", metavar="ROW", help="paired differences of all rows to this one, in each table where it has runs"
    )
    parser.add_argument("--metric", nargs="+", metavar="METRIC", help="such as f1_parlai, B/c_score [the table's own]")
    parser.add_argument("--protocol", help="that all runs are scored by: a name or YAML file [each by its own]")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=f"of each interval [{RESAMPLES}]")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples [0]")
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER", help="for the files [report]")
    options = parser.parse_args(arguments)
    with readable_errors():
        report(options)


def report(options: argparse.Namespace) -> None:
    """Print the tables; write report.md, .tex, .csv, .json and .html.

    Raises:
        UserError: a run, table, row or number that cannot be used.
    """
    check_numbers(options.resamples, options.seed)
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out {options.out} is a file; expected a folder, which is made if it is not there.")
    tables = requested_tables(
        options.runs, options.table, [name.removeprefix("test/") for name in options.metric or ()]
    )
    if options.against is not None and not any(table.has_runs(options.against) for table in tables):
        having = dict.fromkeys(row.label for table in tables for row in table.rows if row.run_dirs)
        raise UserError(
            f"There is no row {options.against!r} with runs in {', '.join(table.key for table in tables)} to compare "
            f"with. Expected one of {', '.join(having)}."
        )
    reports = [
        report_of(table, options.resamples, options.seed, protocol=options.protocol, against=options.against)
        for table in tables
    ]
    console = wide_console()
    for found in reports:
        show(found, console)
    write_reports(options.out, reports, ", ".join(found.key for found in reports))
    console.print(f"{options.out / NAMES[0]}, {', '.join(NAMES[1:])}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main(sys.argv[1:])
