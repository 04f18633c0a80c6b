"""`python -m zoo.evidence WHAT RUN_DIR...`: tables and figures of finished runs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence import (
    checklist,
    curves,
    dialogues,
    examples,
    gates,
    leak,
    learning,
    parameters,
    seeds,
    sensitivity,
    serving,
    similarity,
    truth,
    users,
)
from zoo.evidence.output import wide_console
from zoo.launch import user_message

REPORTS = {
    "sensitivity": sensitivity,
    "dialogues": dialogues,
    "examples": examples,
    "learning": learning,
    "curves": curves,
    "seeds": seeds,
    "parameters": parameters,
    "similarity": similarity,
    "leak": leak,
    "users": users,
    "truth": truth,
    "serving": serving,
    "gates": gates,
    "checklist": checklist,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one report. Returns the exit code: 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m zoo.evidence", description=__doc__)
    reports = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, module in REPORTS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        report = reports.add_parser(name, help=summary, description=summary)
        module.add_arguments(report)
        report.add_argument("--out", type=Path, metavar="FOLDER", help=f"where the files go [{module.OUT}]")
    options = parser.parse_args(arguments)
    try:
        if options.out is not None and options.out.exists() and not options.out.is_dir():
            raise UserError(f"--out {options.out} is a file; expected a folder, which is made if it is not there.")
        REPORTS[options.what].report(options, wide_console())
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        print(" ".join(message.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
