"""One prompted evaluation, from a composed configuration to a filled run directory."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track
from transformers.utils.logging import disable_progress_bar

from zoo.data.corpora import describe_corpus
from zoo.data.datamodule import EVAL_SAMPLE_SEED, DialogueDataModule
from zoo.data.examples import examples_from_dialogues
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.language_models.base import LanguageModel, PromptTooLongError, Request
from zoo.language_models.cache import CachedLanguageModel
from zoo.metrics.generations import Generation, write_generations
from zoo.metrics.recompute import recompute
from zoo.metrics.results import Results, remark_lines, write_results
from zoo.metrics.suite import MetricSuite
from zoo.prompted.prompts import PromptMaker
from zoo.rundir import RunDirectory
from zoo.terminal import conversation, metrics_table


def evaluate(cfg: DictConfig) -> Path:
    """Ask for a reply to every test example, score the replies, write the run directory.

    The language model gives no likelihood of the reference: perplexities are left out. A run that is stopped goes on
    where it was, with the same command: answers are kept as they come.

    Returns:
        The run directory.

    Raises:
        UserError: data or model are not there, a setting that fits nothing, or a model that cannot answer.
    """
    directory = RunDirectory(cfg.run_dir)
    if (directory.path / "checkpoints").exists():
        raise UserError(
            f"{directory.path} holds a trained run; expected a directory for this one. Give another hydra.run.dir=."
        )
    disable_progress_bar()  # of loading weights
    suite = scored_by_texts(instantiate(cfg.protocol))
    maker: PromptMaker = instantiate(cfg.prompt)
    data: DialogueDataModule = instantiate(cfg.data.datamodule)
    model = CachedLanguageModel(instantiate(cfg.language_model), cfg.answers)
    examples = test_examples(data)
    requests = [Request(maker.prompt(e), stop=maker.stop, seed=cfg.seed, **cfg.reply) for e in examples]
    typed = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    directory.write_configuration(OmegaConf.to_yaml(cfg, resolve=True), typed, trains=True)
    answers = ask(model, requests)
    generations = [answered(example, maker.reply(answer)) for example, answer in zip(examples, answers, strict=True)]
    by_set: dict[str, list[Generation]] = {}
    for example, row in zip(examples, generations, strict=True):
        by_set.setdefault(data.test_set_of(example), []).append(row)
    results = write_texts(directory, by_set, suite, cfg.seed)
    directory.write_session(
        {
            "run": ["test"],
            "seed": cfg.seed,
            "decoding": OmegaConf.to_container(cfg.reply, resolve=True),
            "language_model": model.identity,
            "answers": {"asked": model.asked, "replayed": model.replayed},
            "data": {
                "corpus": describe_corpus(data.corpus, "test"),
                "examples_used": len(examples),
                "history": data.history,
                "max_exchanges": data.max_exchanges,
            },
        }
    )
    show(results, by_set, cfg.show_replies)
    print(f"answers: {model.asked} asked, {model.replayed} kept from before")
    print(f"run directory: {directory.path}")
    return directory.path


def scored_by_texts(suite: MetricSuite) -> MetricSuite:
    """The protocol, if replies as texts are what it scores.

    Raises:
        UserError: it is about logits.
    """
    if suite.teacher_forced_ids:
        raise UserError(
            f"protocol={suite.name} was given, which scores a model's logits; a prompted language model only gives "
            "texts. Choose default, personapkt, prompt_tuning or japanese."
        )
    return suite


def test_examples(data: DialogueDataModule) -> list[DialogueExample]:
    """The examples that a trained model is tested on with these data, with the same ids and in the same order.

    No table is built: that needs a tokenizer. `max_eval_examples` is drawn as `DialogueDataModule.eval_rows` draws it.
    """
    if hasattr(data.corpus, "prepare"):
        data.corpus.prepare(("test",))
    dialogues = data.corpus.load("test")
    examples = examples_from_dialogues(dialogues, data.history, data.max_exchanges, data.users_rule)
    if data.max_eval_examples is not None and data.max_eval_examples < len(examples):
        rows = sorted(random.Random(EVAL_SAMPLE_SEED).sample(range(len(examples)), data.max_eval_examples))
        examples = [examples[row] for row in rows]
    if not examples:
        raise UserError("The test dialogues hold no reply; expected at least one example to answer.")
    return examples


def ask(model: LanguageModel, requests: Sequence[Request]) -> list[str]:
    """The answers in the order of `requests`, with a bar on standard error where a person looks on.

    Raises:
        UserError: the model's.
    """
    console = Console(stderr=True)
    arriving: Iterable[tuple[int, str]] = track(
        model.answers(requests),
        "answers",
        total=len(requests),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        found = dict(arriving)
    except PromptTooLongError as error:
        raise UserError(f"{error} A lower prompt.max_turns leaves less history in the prompts.") from error
    return [found[place] for place in range(len(requests))]


def answered(example: DialogueExample, reply: str) -> Generation:
    """The example's line of generations.jsonl, as a trained model has it, but for the likelihood."""
    return Generation(
        id=example.id,
        user=example.user,
        persona=list(example.persona),
        history=list(example.history),
        reference=example.response,
        response=reply,
        nll=None,
        n_tokens=None,
    )


def write_texts(directory: RunDirectory, by_set: dict[str, list[Generation]], suite: MetricSuite, seed: int) -> Results:
    """Write generations.jsonl (with several test sets generations_<set>.jsonl) and metrics.json, scored from them."""
    run_dir = directory.path
    former = [path.name for path in run_dir.glob("generations*.jsonl")]  # of another evaluation in this directory
    for name in former:
        (run_dir / name).unlink()
    files = {f"generations_{name}.jsonl" if name else "generations.jsonl": rows for name, rows in by_set.items()}
    for name, rows in files.items():
        write_generations(run_dir / name, rows)
    results = recompute(run_dir, suite)
    write_results(run_dir / "metrics.json", results.metrics, results.versions, results.n_examples, seed, results.other)
    directory.wrote("metrics.json", *former, *files)
    return results


def show(results: Results, by_set: dict[str, list[Generation]], num_replies: int) -> None:
    """Print the metrics, what makes some of them incomparable, and replies evenly spaced over each test set."""
    console = Console()
    console.print(metrics_table(results.metrics, results.versions, {name: len(rows) for name, rows in by_set.items()}))
    for line in remark_lines(results.other.get("scorers", {}), results.other.get("cautions", {})):
        console.print(line, style="bold", highlight=False, markup=False)
    for rows in by_set.values():
        spacing = max(1, len(rows) // max(1, num_replies))
        for row in rows[::spacing][:num_replies]:
            console.print()
            console.print(conversation(row))
