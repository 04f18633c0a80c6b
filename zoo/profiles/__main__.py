"""Profiles of users: `python -m zoo.profiles infer POSTS.jsonl OUT.jsonl`, `... data OUT.jsonl data=...`, `accuracy`.

`infer` reads {"user", "time", "text"} a line and writes {"user", "profile", "votes", "confidence", "posts"} a line.
`data` infers them for the users of a corpus that has none, from persona sentences and what they say in training
dialogues (as the paper does for JPersonaChat, section 4.2.1); what follows is a configuration as run.py takes it.
`accuracy` measures a back-end on the embedded synthetic users, whose truth is known; the numbers say nothing about
people.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from zoo.data.records import Dialogue
from zoo.errors import UserError
from zoo.launch import readable_errors
from zoo.profiles.back_ends import add_arguments, back_end
from zoo.profiles.voting import UNIT, infer_profile


def infer(options: argparse.Namespace) -> None:
    """Profiles for a file of posts."""
    from zoo.profiles.posts_file import read_posts

    decide_all(read_posts(options.posts, options.days), options)


def of_data(options: argparse.Namespace) -> None:
    """Profiles for the users of a corpus."""
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
        cfg = compose("config", [*options.overrides, "run_dir=unused"])
    texts = texts_of_users(instantiate(cfg.data.corpus).load("train"))
    if not texts:
        raise UserError("The data name no users; expected data with users, such as data=users_jpersonachat.")
    decide_all(texts, options)


def texts_of_users(dialogues: Iterable[Dialogue]) -> dict[str, list[str]]:
    """By user: persona sentences, each once, then utterances; of those who answer."""
    personas: dict[str, dict[str, None]] = {}
    said: dict[str, list[str]] = {}
    for dialogue in dialogues:
        for side in dialogue.responders:
            if user := dialogue.speakers[side].user:
                personas.setdefault(user, {}).update(dict.fromkeys(dialogue.speakers[side].persona))
                said.setdefault(user, []).extend(one.text for one in dialogue.utterances if one.speaker == side)
    return {user: [*personas[user], *said[user]] for user in sorted(said)}


def decide_all(texts: Mapping[str, Sequence[str]], options: argparse.Namespace) -> None:
    """Infer from each user's texts, write the file and say how much was decided."""
    from zoo.profiles.posts_file import write_profiles

    inferer = back_end(options)
    decided = {user: infer_profile(own, inferer, options.unit) for user, own in texts.items()}
    write_profiles(options.out, decided, {user: len(own) for user, own in texts.items()})
    values = sum(map(len, decided.values()))
    print(f"{options.out}: {len(decided)} users, {values} of {5 * len(decided)} attributes decided")


def accuracy(options: argparse.Namespace) -> None:
    """Tables of accuracy and coverage; with --out also accuracy.json, accuracy.png and accuracy.svg."""
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
    users = verbs.add_parser("data", help="profiles for the users of a corpus")
    users.add_argument("out", type=Path, metavar="OUT.jsonl")
    users.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="as run.py takes them: data=users_jpersonachat")
    users.add_argument("--unit", type=int, default=UNIT, help="texts a unit [%(default)s]")
    measured = verbs.add_parser("accuracy", help="accuracy on the synthetic users")
    measured.add_argument("--users", type=int, default=60, help="[%(default)s]")
    measured.add_argument("--sizes", type=int, nargs="+", default=[25, 50, 75, 150, 300], help="posts a unit")
    measured.add_argument("--units", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of units")
    measured.add_argument("--seed", type=int, default=0, help="of the users")
    measured.add_argument("--out", type=Path, metavar="FOLDER", help="for accuracy.json, accuracy.png and accuracy.svg")
    for verb in (of_posts, users, measured):
        add_arguments(verb)
    options = parser.parse_args(arguments)
    with readable_errors():
        {"infer": infer, "data": of_data, "accuracy": accuracy}[options.verb](options)


if __name__ == "__main__":
    main()
