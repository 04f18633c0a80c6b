"""`python -m zoo.questions RUN_DIR`: the same 70 questions for every user; how different are the answers?

Source: Otsuka et al. 2024, section 4.3: for each question Distinct-1, -2 and -S of the answers of all users' models,
and the mean over questions; greedy. Which profile a partner has there is not printed: here none. Batches hold many
users. RUN_DIR/questions is like the directory of a run, of the same configuration but for protocol and decoding.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from transformers import GenerationConfig
from transformers.utils.logging import disable_progress_bar

from zoo.data.datamodule import DialogueDataModule
from zoo.data.questions import personal_questions
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.launch import readable_errors
from zoo.loading import load
from zoo.metrics.generations import Generation, write_generations
from zoo.metrics.protocols import load_protocol, plain_protocol
from zoo.metrics.results import result_prefix, write_results
from zoo.metrics.suite import MetricSuite
from zoo.module import UNREAD, DialogueModule
from zoo.provenance import FILES, write_record
from zoo.run_record import finished_run
from zoo.rundir import RunDirectory

FOLDER = "questions"  # below the run directory
ASKED = "questions"  # in the configuration that is written there


def answers_of(
    module: DialogueModule, users: Sequence[DialogueExample], questions: Sequence[str], batch_size: int
) -> list[Generation]:
    """Every user's reply to every question, question by question.

    Args:
        module: of the run.
        users: an example of each user, for id, persona and profile.
        questions: what is asked, each as the first thing that is said.
        batch_size: replies decoded together, mixed over users.
    """
    asked = [
        DialogueExample(
            id=f"{number}/{one.user}", dialogue=str(number), persona=one.persona, history=(question,),
            history_by_responder=(False,), response=UNREAD, user=one.user, profile=one.profile,
        )
        for number, question in enumerate(questions) for one in users
    ]  # fmt: skip
    replies = [
        reply
        for start in range(0, len(asked), batch_size)
        for reply in module.answer(asked[start : start + batch_size])
    ]
    return [
        Generation(
            id=example.id, user=example.user, persona=list(example.persona), history=list(example.history),
            reference="", response=reply, nll=None, n_tokens=None,
        )
        for example, reply in zip(asked, replies, strict=True)
    ]  # fmt: skip


def users_of(data: DialogueDataModule) -> list[DialogueExample]:
    """An example of every user in the data, in the order of ids.

    Raises:
        UserError: the data name nobody.
    """
    data.setup()
    if data.users == [""]:
        raise UserError("The run's data name no users; expected data with users, such as data=synthetic_users.")
    table = data.table("train")
    first: dict[str, int] = {}
    for row, user in enumerate(table.strings("user")):
        first.setdefault(user, row)
    return [table.example(first[user]) for user in data.users if user in first]


def language_of(run_dirs: Sequence[Path]) -> str:
    """The language that all runs' templates write profiles in; "en" where they write none.

    Raises:
        UserError: the runs differ, or one has no config.yaml.
    """
    if missing := [str(run_dir) for run_dir in run_dirs if not (run_dir / "config.yaml").is_file()]:
        raise UserError(f"{missing[0]} has no config.yaml; expected the directory of a run.")
    configs: list[Any] = [OmegaConf.load(run_dir / "config.yaml") for run_dir in run_dirs]
    found = {str(OmegaConf.select(config, "template.language") or "en") for config in configs}
    if len(found) > 1:
        raise UserError(
            f"The runs speak {' and '.join(sorted(found))}; expected one language, as answers to other questions do "
            "not compare. Give the runs of each language by themselves, or name the questions by --language."
        )
    return found.pop()


def ask(run_dir: Path, language: str, number: int | None, batch_size: int, protocol: str) -> tuple[MetricSuite, float]:
    """Let a run's users answer; RUN_DIR/questions records it as the directory of a run does.

    Returns:
        The suite with its counts, and seconds of decoding.

    Raises:
        UserError: there are no questions in this language, or RUN_DIR is no finished run with users.
    """
    every = personal_questions(language)
    questions = every[:number]
    run = finished_run(run_dir, scored=False)
    directory = RunDirectory(run_dir / FOLDER)
    module = load(run_dir)
    cfg: Any = OmegaConf.load(run_dir / "config.yaml")
    users = users_of(instantiate(cfg.data.datamodule))
    greedy = {"do_sample": False, "num_beams": 1, "max_new_tokens": module.decoding.max_new_tokens}
    module.decoding = GenerationConfig(  # "to avoid the influence of the sampling probability"
        **greedy, pad_token_id=module.template.pad_id, eos_token_id=module.template.eos_id
    )
    described = run.config | {
        "protocol": plain_protocol(protocol),
        "decoding": {"_target_": "transformers.GenerationConfig", **greedy},
        ASKED: {"language": language, "number": len(questions)},
    }
    directory.path.mkdir(exist_ok=True)
    directory.write_configuration(OmegaConf.to_yaml(OmegaConf.create(described)), run.overrides, trains=True)
    began = time.perf_counter()
    rows = answers_of(module, users, questions, batch_size)
    seconds = time.perf_counter() - began
    suite = load_protocol(protocol)
    suite.update(rows)
    found = {f"{result_prefix('')}{name}": value for name, value in suite.compute().items()}
    write_generations(directory.path / "generations.jsonl", rows)
    write_results(directory.path / "metrics.json", found, suite.versions(), len(rows), run.seed)
    directory.wrote("generations.jsonl", "metrics.json")
    write_record(directory.path, {key: value for key, value in run.provenance.items() if key != FILES})  # its sessions
    directory.write_session(
        {
            "run": [FOLDER],
            "seconds_of": {FOLDER: round(seconds, 1)},
            "seed": run.seed,
            "decoding": module.decoding.to_diff_dict(),
            **{key: run.provenance[key] for key in ("parameters",) if key in run.provenance},
            "data": {"splits": {"test": {"examples": len(every) * len(users), "examples_used": len(rows)}}},
        }
    )
    return suite, seconds


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m zoo.questions", description=__doc__)
    parser.add_argument("run_dir", type=Path, nargs="+", metavar="RUN_DIR")
    parser.add_argument("--language", help="of the questions: en or ja [the runs' template.language, else en]")
    parser.add_argument("--number", type=int, help="ask only so many [all 70]")
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    table = Table(title="answers to the same questions", title_justify="left", header_style="bold")
    table.add_column("run", overflow="fold", min_width=24)
    disable_progress_bar()  # of loading weights
    with readable_errors():
        language = options.language or language_of(options.run_dir)
        protocol = "user_diversity" if language == "en" else f"user_diversity_{language}"
        for run_dir in options.run_dir:
            suite, seconds = ask(run_dir, language, options.number, options.batch_size, protocol)
            found = suite.compute()
            if len(table.columns) == 1:
                for name in (*found, "seconds"):
                    table.add_column(name, justify="right", overflow="fold")
            table.add_row(str(run_dir), *(f"{value:.4f}" for value in found.values()), f"{seconds:.1f}")
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)


if __name__ == "__main__":
    main()
