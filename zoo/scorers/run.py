"""One training of an NLI scorer, from a composed configuration to a Hugging Face folder with its scorer.json."""

import json
import logging
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from lightning import Trainer, seed_everything
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from zoo.checkpoints import flat
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.scorers.balance import Batches, class_weights
from zoo.scorers.base import LABELS
from zoo.scorers.measures import confusion, measures, table
from zoo.scorers.pairs import NliData, NliPair
from zoo.scorers.record import FILE, Accuracy, ScorerRecord, write_record
from zoo.scorers.training import NliModule, PaddedPairs, new_classifier
from zoo.scorers.transformers_nli import TransformersNli

NOT_COMPARED = (
    "trainer",
    "callbacks",
    "logger",
    "run_dir",
    "folder",
    "checkpoint_every",
)  # settings that may change when a training goes on


def train(cfg: DictConfig) -> Path:
    """Train, or go on where the run directory's last checkpoint is; write the scorer, print what it is worth.

    Returns:
        The scorer's folder, for `scorer.path=`.

    Raises:
        UserError: data or encoder are not there, settings that fit nothing, another training in the run directory, or
            something else than a scorer where the scorer shall be.
    """
    quiet_libraries()
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    check_folder(Path(cfg.folder))
    checkpoint = Path(cfg.run_dir) / "checkpoints" / "last.ckpt"
    compared = {key: value for key, value in plain.items() if key not in NOT_COMPARED}
    compared["max_steps"] = plain["trainer"]["max_steps"]  # the rate falls until then
    same_settings(Path(cfg.run_dir) / "settings.json", compared, started=checkpoint.is_file())
    data: NliData = instantiate(cfg.data)
    seed_everything(cfg.seed, workers=True, verbose=False)
    network, tokenizer = new_classifier(cfg.scorer.path)
    trainer = fit(cfg, data, network, tokenizer, checkpoint if checkpoint.is_file() else None)
    notes = {"encoder": cfg.scorer.path, "steps": trainer.global_step, "seed": cfg.seed, "settings": plain["scorer"]}
    scorer, counts = write_scorer(Path(cfg.folder), network.cpu().eval(), tokenizer, data, cfg.scorer.max_length, notes)
    console = Console()
    console.print(table(f"NLI scorer, {trainer.global_step:,} steps on {data.name}", counts))
    if scorer.caution:
        console.print(f"C scores by it are not comparable: {scorer.caution}", highlight=False)
    print(f"to use it: python run.py protocol=personapkt scorer=nli scorer.path={cfg.folder}")
    print(f"scorer: {cfg.folder}")
    return Path(cfg.folder)


def fit(
    cfg: DictConfig, data: NliData, network: Any, tokenizer: PreTrainedTokenizerBase, checkpoint: Path | None
) -> Trainer:
    """Train `network` in place, going on from `checkpoint` where there is one."""
    settings = cfg.scorer
    pairs = PaddedPairs(data.train, tokenizer, settings.max_length)
    valid = PaddedPairs(data.valid, tokenizer, settings.max_length).in_order(4 * settings.batch_size)
    pairs.batches = batches = Batches(
        pairs.labels,
        pairs.lengths,
        settings.batch_size,
        settings.epochs,
        cfg.seed,
        settings.balance,
        settings.balance_strength,
        settings.pairs_per_epoch,
    )
    steps = len(batches) if cfg.trainer.max_steps == -1 else min(len(batches), cfg.trainer.max_steps)
    weighted = settings.balance == "weights"
    module = NliModule(
        network,
        steps,
        settings.lr,
        settings.weight_decay,
        settings.warmup,
        class_weights(pairs.labels, settings.balance_strength) if weighted else None,
    )
    trainer: Trainer = instantiate(
        cfg.trainer,
        val_check_interval=min(batches.steps_per_epoch, steps),
        logger=instantiate(cfg.logger),
        callbacks=list(instantiate(cfg.callbacks).values()),
    )
    if trainer.world_size > 1:
        raise UserError(f"trainer.devices={cfg.trainer.devices} was given; a scorer is trained on one device.")
    if checkpoint is not None:
        batches.start = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"]
    trainer.fit(module, pairs, valid, ckpt_path=checkpoint)
    return trainer


def check_folder(folder: Path) -> None:
    """Refuse to put a scorer in place of anything but a scorer.

    Raises:
        UserError: `folder` is a file, or holds files but no scorer.json.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / FILE).is_file()):
        raise UserError(
            f"folder={folder} is there and is no scorer (it has no {FILE}); the new scorer would take its place. "
            "Expected a folder that is not there yet, is empty, or holds a scorer to be replaced."
        )


def write_scorer(
    folder: Path,
    network: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    data: NliData,
    max_length: int,
    notes: Mapping[str, Any],
) -> tuple[TransformersNli, dict[str, Tensor]]:
    """Write the folder whole or not at all, in place of a former one; the accuracy is that of what a reader will load.

    Returns:
        The scorer, and counts [3, 3] on the validation and test pairs.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary, former = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("tmp", "former"))
    try:
        network.save_pretrained(temporary)  # type: ignore[operator]
        tokenizer.save_pretrained(temporary)
        scorer = TransformersNli(temporary, max_length=max_length)
        counts = {name: evaluate(scorer, pairs) for name, pairs in (("valid", data.valid), ("test", data.test))}
        test = measures(counts["test"])
        other = {
            "test": {name: round(value, 6) for name, value in test.items()},
            "test_counts": {"rows true, columns predicted": LABELS, "counts": counts["test"].tolist()},
            "data_files_sha256": data.files,
            **notes,
        }
        accuracy = Accuracy(test["accuracy"], f"{data.name} test", len(data.test))
        write_record(temporary, ScorerRecord(accuracy, data.machine_labels, data.name, other))
        if folder.exists():
            os.replace(folder, former)
        os.replace(temporary, folder)
    finally:
        if former.exists() and not folder.exists():  # stopped between the two moves
            os.replace(former, folder)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
    return TransformersNli(folder, max_length=max_length), counts


def evaluate(scorer: TransformersNli, pairs: Sequence[NliPair]) -> Tensor:
    """Counts [3, 3] of a scorer on labelled pairs."""
    predicted = scorer.score([(pair.premise, pair.hypothesis) for pair in pairs]).argmax(dim=-1)
    return confusion([pair.label for pair in pairs], predicted)


def same_settings(path: Path, settings: Mapping[str, Any], started: bool) -> None:
    """Keep what a training is started with in a file; refuse to go on with something else once it has `started`.

    Raises:
        UserError: the file holds other settings.
    """
    now = {key: value for name, part in settings.items() for key, value in flat(name, part)}
    then = json.loads(path.read_bytes()) if started and path.is_file() else now
    different = [f"{key}: {then.get(key)} -> {now.get(key)}" for key in now | then if then.get(key) != now.get(key)]
    if different:
        raise UserError(
            f"{path.parent} holds a training with other settings ({'; '.join(different)}); expected the same, to go on "
            "where it stopped. Choose another folder by hydra.run.dir=, or delete this one."
        )
    write_atomically(path, [json.dumps(now, indent=2).encode() + b"\n"])


def quiet_libraries() -> None:
    """Turn off Lightning's advice and the bars of reading and writing weights."""
    disable_progress_bar()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for pattern in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*treespec.*",
        ".*logging interval.*",
        ".*dataloader is not resumable.*",  # ours begins where the checkpoint was taken
    ):
        warnings.filterwarnings("ignore", message=pattern)
