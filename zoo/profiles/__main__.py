"""Profiles from posts: `python -m zoo.profiles infer POSTS.jsonl OUT.jsonl`, `python -m zoo.profiles accuracy`.

`infer` reads {"user", "time", "text"} a line and writes {"user", "profile", "votes", "confidence", "posts"} a line.
`accuracy` measures a back-end on the embedded synthetic users, whose truth is known; the numbers say nothing about
people.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from zoo.launch import readable_errors
from zoo.profiles.back_ends import add_arguments, back_end
from zoo.profiles.voting import UNIT, infer_profile


def infer(options: argparse.Namespace) -> None:
    """Profiles for a file of posts."""
    from zoo.profiles.posts_file import read_posts, write_profiles

    inferer = back_end(options)
    texts = read_posts(options.posts, options.days)
    decided = {user: infer_profile(own, inferer, options.unit) for user, own in texts.items()}
    write_profiles(options.out, decided, {user: len(own) for user, own in texts.items()})
    values = sum(map(len, decided.values()))
    print(f"{options.out}: {len(decided)} users, {values} of {5 * len(decided)} attributes decided")


def accuracy(options: argparse.Namespace) -> None:
    """Tables of accuracy and coverage; with --out also accuracy.json and accuracy.png."""
    from zoo.data.synthetic_users import SyntheticUsersCorpus
    from zoo.evidence.output import wide_console, write_json
    from zoo.profiles import report
    from zoo.profiles.accuracy import measure

    users = SyntheticUsersCorpus(options.language, options.users, partners=2, seed=options.seed).users
    cells = measure(users, back_end(options), options.sizes, options.units)
    console = wide_console()
    console.print(report.table_by_size(cells))
    console.print(report.table_by_attribute(cells, UNIT if UNIT in options.sizes else max(options.sizes)))
    if options.out is not None:
        settings = {"language": options.language, "users": options.users, "back_end": options.back_end}
        write_json(options.out / "accuracy.json", settings | {"seed": options.seed, "cells": report.plain(cells)})
        report.draw(cells, options.out / "accuracy.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m zoo.profiles", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    of_posts = verbs.add_parser("infer", help="profiles for a file of posts")
    of_posts.add_argument("posts", type=Path, metavar="POSTS.jsonl")
    of_posts.add_argument("out", type=Path, metavar="OUT.jsonl")
    of_posts.add_argument("--unit", type=int, default=UNIT, help="posts a unit [%(default)s]")
    of_posts.add_argument("--days", type=int, default=365, help="before the newest post of a user [%(default)s]")
    measured = verbs.add_parser("accuracy", help="accuracy on the synthetic users")
    measured.add_argument("--users", type=int, default=60, help="[%(default)s]")
    measured.add_argument("--sizes", type=int, nargs="+", default=[25, 50, 75, 150, 300], help="posts a unit")
    measured.add_argument("--units", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of units")
    measured.add_argument("--seed", type=int, default=0, help="of the users")
    measured.add_argument("--out", type=Path, metavar="FOLDER", help="for accuracy.json and accuracy.png")
    for verb in (of_posts, measured):
        add_arguments(verb)
    options = parser.parse_args(arguments)
    with readable_errors():
        infer(options) if options.verb == "infer" else accuracy(options)


if __name__ == "__main__":
    main()
