"""`python -m zoo.judge STUDY.yaml`: pages on which people judge the replies of runs, each by a link of their own.

The links are printed; nothing of the study can be seen without one. Ctrl+C stops, and the same command goes on with the
same links and all answers. zoo/people/study.py says what stands in STUDY.yaml.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import UserError
from zoo.judged.command import add_result_options, told
from zoo.launch import readable_errors
from zoo.people.address import add_address_options, checked_address
from zoo.people.study import Study, read_study

PORT = 8765


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.judge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", metavar="STUDY.yaml", help="what is judged, by which questions, how often")
    parser.add_argument(
        "runs", nargs="*", metavar="ROW=RUN_DIR", help="run directories in place of those that the study names"
    )
    parser.add_argument("--judges", type=int, metavar="N", help="links for so many judges [as many as it takes]")
    parser.add_argument(
        "--database",
        type=Path,
        metavar="FILE",
        help="of the judgements [outputs/studies/STUDY.sqlite; study.yaml has its folder's name]",
    )
    add_address_options(parser, PORT)
    add_result_options(parser)
    options = parser.parse_args(arguments)
    with readable_errors():
        study = read_study(options.study, _runs(options.runs))
        if not told(study, options):
            judge(study, options)


def judge(study: Study, options: argparse.Namespace) -> None:
    """Serve a study until Ctrl+C.

    Raises:
        UserError: it cannot be judged, or not be served.
    """
    from zoo.people.serving import serve

    serve(study, options.database, options.judges, options.host, _port(options))


def _port(options: argparse.Namespace) -> int:
    return checked_address(options.host, options.port, exposed=options.expose, what="the study")


def _runs(given: Sequence[str]) -> dict[str, str]:
    if wrong := [one for one in given if not all(one.partition("="))]:
        raise UserError(f"{wrong[0]} was given; expected ROW=RUN_DIR, a row of the study and its run directory.")
    return dict(one.split("=", 1) for one in given)


if __name__ == "__main__":
    main(sys.argv[1:])
