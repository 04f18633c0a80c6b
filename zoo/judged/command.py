"""What `python -m zoo.judge STUDY.yaml` does with a study besides serving it: results, exchange with other tools."""

import argparse
from pathlib import Path

from zoo.errors import UserError
from zoo.people.study import Study

RESAMPLES = 1_000
LABEL_STUDIO, POTATO = TOOLS = ("label-studio", "potato")


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the command line; without one of the first the study is served."""
    group = parser.add_argument_group("results", "each reads the file of judgements and serves nothing")
    does = group.add_mutually_exclusive_group()
    does.add_argument("--results", action="store_true", help="print and write tables, published numbers beside ours")
    does.add_argument(
        "--export", nargs=2, metavar=("TOOL", "FOLDER"), help="write the study for label-studio or potato, blind"
    )
    does.add_argument(
        "--import",
        nargs=2,
        dest="take",
        metavar=("TOOL", "FILE"),
        help="judgements from label-studio's JSON export, or from potato's annotation_output",
    )
    does.add_argument("--judgements", type=Path, metavar="FILE", help="all judgements with their rows, .jsonl or .csv")
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
    elif options.export:
        _export(study, options.database, *options.export)
    elif options.take:
        _import(study, options.database, *options.take)
    elif options.judgements:
        from zoo.people.exchange.judgements_file import write_judgements
        from zoo.people.results.summary import study_store

        number = write_judgements(study_store(study, options.database), study.checks.allowed, options.judgements)
        print(f"{options.judgements}: {number:,} answers to questions")
    else:
        return False
    return True


def _export(study: Study, database: Path | None, tool: str, folder: str) -> None:
    from zoo.people.exchange.label_studio import export_label_studio
    from zoo.people.exchange.potato import export_potato
    from zoo.people.preparation import prepare
    from zoo.people.results.summary import study_store

    _check(tool)
    begun = (database or study.database).is_file()  # then the runs need not be there any more
    store = study_store(study, database) if begun else prepare(study, database).store
    if tool == LABEL_STUDIO:
        lines = export_label_studio(store, study.questionnaire, Path(folder))
    else:
        lines = export_potato(store, study, Path(folder))
    print("\n".join(line.replace("STUDY.yaml", str(study.path)) for line in lines))


def _import(study: Study, database: Path | None, tool: str, file: str) -> None:
    from zoo.people.exchange.importing import keep
    from zoo.people.exchange.label_studio import label_studio_answers
    from zoo.people.exchange.potato import potato_answers
    from zoo.people.results.summary import study_store

    _check(tool)
    store = study_store(study, database)
    if tool == LABEL_STUDIO:
        given = label_studio_answers(Path(file))
    else:
        given = potato_answers(Path(file), store, study.questionnaire)
    done = keep(given, store, study.questionnaire, file)
    print(f"{done.answers:,} items by {done.judges} judges, {done.changed:,} of them new or changed: {store.file}")


def _check(tool: str) -> None:
    if tool not in TOOLS:
        raise UserError(f"{tool} was given; expected one of the tools {', '.join(TOOLS)}.")


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
