"""Write synthetic users as files: `python -m zoo.data.synthetic_users pairs FOLDER` or `... users FOLDER`.

`pairs` writes reply pairs for pre-training in shards of `zoo.data.jsonl`'s format, a pair at a time, each shard whole
or not at all. `users` writes users.jsonl (dialogues, the same format), posts.jsonl ({"user", "time", "text"}) and
truth.jsonl (profile, style, preferences, introduction of each user).
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo.data.jsonl import write_jsonl
from zoo.data.synthetic_users import SyntheticUsersCorpus, posts, reply_pairs, truth
from zoo.data.synthetic_users.pairs import PROFILE_KNOWN
from zoo.data.synthetic_users.wording import Language, wording
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.launch import readable_errors

VALIDATION = 500  # pairs


def write_pairs(
    folder: Path, language: Language, number: int, shards: int, seed: int, profile_known: float
) -> list[Path]:
    """Write `number` pairs into `shards` files of the same size, give or take one; how many shards changes no pair.

    Another 500 at most, of other people, are valid.jsonl: `data=streamed data.root=FOLDER` finds both.

    Raises:
        UserError: fewer pairs than shards, or a setting out of its range.
    """
    wording(language)  # refuses other languages
    if not 1 <= shards <= number or not 0 <= profile_known <= 1 or seed < 0:
        raise UserError(
            f"--number {number} --shards {shards} --profile-known {profile_known} --seed {seed} was given; expected at "
            f"least one pair a shard, a share from 0 to 1 and a seed of at least 0."
        )
    paths = []
    for shard in range(shards):
        start, stop = shard * number // shards, (shard + 1) * number // shards
        paths.append(folder / f"train-{shard:05d}-of-{shards:05d}.jsonl")
        write_jsonl(reply_pairs(language, start, stop, seed, profile_known), paths[-1])
    paths.append(folder / "valid.jsonl")
    write_jsonl(reply_pairs(language, 0, min(number, VALIDATION), seed + 1, profile_known), paths[-1])
    return paths


def write_users(folder: Path, corpus: SyntheticUsersCorpus, number_of_posts: int) -> list[Path]:
    """Write the dialogues, posts and truth of a corpus's users."""
    paths = [folder / name for name in ("users.jsonl", "posts.jsonl", "truth.jsonl")]
    write_jsonl(corpus.load("train"), paths[0])
    _write_lines(paths[1], (asdict(post) for user in corpus.users for post in posts(user, number_of_posts)))
    _write_lines(paths[2], (truth(user) for user in corpus.users))
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    options = _parser().parse_args(arguments)
    with readable_errors():
        if options.what == "pairs":
            written = write_pairs(
                options.folder, options.language, options.number, options.shards, options.seed, options.profile_known
            )
        else:
            corpus = SyntheticUsersCorpus(
                options.language,
                options.number,
                options.partners,
                profile_known=options.profile_known,
                seed=options.seed,
            )
            written = write_users(options.folder, corpus, options.posts)
        for path in written:
            print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m zoo.data.synthetic_users", description=__doc__)
    files = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    pairs = files.add_parser("pairs", help="reply pairs for pre-training")
    pairs.add_argument("--number", type=int, default=100_000, help="of pairs [%(default)s]")
    pairs.add_argument("--shards", type=int, default=8, help="files [%(default)s]")
    users = files.add_parser("users", help="dialogues, posts and truth of users")
    users.add_argument("--number", type=int, default=60, help="of users [%(default)s]")
    users.add_argument("--partners", type=int, default=8, help="of each user, even [%(default)s]")
    users.add_argument("--posts", type=int, default=600, help="of each user [%(default)s]")
    for command, known in ((pairs, PROFILE_KNOWN), (users, 1.0)):
        command.add_argument("folder", type=Path, metavar="FOLDER")
        command.add_argument("--language", default="en", help="en or ja [%(default)s]")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--profile-known", type=float, default=known, help="share of attributes [%(default)s]")
    return parser


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    write_atomically(path, (json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records))


if __name__ == "__main__":
    main()
