"""The run directory: configuration, provenance, curve, metrics and generations of one run."""

import csv
import importlib.metadata
import io
import json
import platform
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from zoo.adapters.store import AdapterStore
from zoo.data.datamodule import DialogueDataModule
from zoo.files import write_atomically
from zoo.machine import determinism, machine, peak_memory
from zoo.metrics.by_user import intervals
from zoo.metrics.generations import write_generations
from zoo.metrics.results import write_results
from zoo.models.adapted import AdaptedModel
from zoo.module import DialogueModule
from zoo.provenance import FILES, UNFINISHED, code_version, file_hash, read_record, write_record

PACKAGES = (
    *("torch", "lightning", "transformers", "tokenizers", "torchmetrics", "datasets", "numpy", "safetensors"),
    *("hydra-core", "omegaconf", "sacrebleu", "peft", "wandb", "sentence-transformers", "fugashi"),
)  # those that are installed are recorded


class _Curve(ExperimentWriter):
    """Continues the metrics.csv of a resumed run, where Lightning's deletes it."""

    def _check_log_dir_exists(self) -> None:
        path = Path(self.metrics_file_path)
        if path.is_file():
            with path.open(newline="") as file:
                self.metrics_keys = list(csv.DictReader(file).fieldnames or [])


class CurveLogger(CSVLogger):
    """metrics.csv in the run directory itself; rows of a resumed run follow those before it."""

    def __init__(self, save_dir: str, flush_logs_every_n_steps: int = 50) -> None:
        super().__init__(save_dir, name="", version="", flush_logs_every_n_steps=flush_logs_every_n_steps)

    @property
    def experiment(self) -> Any:
        """The writer, on rank 0."""
        if self._experiment is None and is_first_process():
            Path(self.log_dir).mkdir(parents=True, exist_ok=True)
            self._experiment = _Curve(log_dir=self.log_dir)
        return self._experiment

    def log_hyperparams(self, params: Any = None) -> None:
        """Nothing: config.yaml has them."""


class RunDirectory:
    """Writes what a run leaves behind; does nothing on other ranks than 0."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._started = time.time()
        self._trains = False  # this session
        self._hashes: dict[str, str | None] = {}  # of files that it wrote; None: taken away

    @rank_zero_only
    def write_configuration(self, config_yaml: str, overrides: list[str], trains: bool) -> None:
        """config.yaml (resolved, plain) and overrides.txt (what was typed), before anything else happens.

        Scoring a trained run again does not change how it goes on: its configuration is evaluation.yaml, beside them.
        """
        evaluation = self.path / "evaluation.yaml"
        self._trains = trains
        record = read_record(self.path)
        if record is not None and record.get(UNFINISHED) != "training":  # so it is if this session is stopped
            write_record(self.path, record | {UNFINISHED: "training" if trains else "scoring"})
        if not trains and (self.path / "config.yaml").is_file():
            write_atomically(evaluation, [config_yaml.encode()])
            self.wrote("evaluation.yaml")
            return
        evaluation.unlink(missing_ok=True)
        (self.path / "gates.json").unlink(missing_ok=True)  # of the weights before; zoo.gates writes it after a test
        write_atomically(self.path / "config.yaml", [config_yaml.encode()])
        write_atomically(self.path / "overrides.txt", ["".join(f"{line}\n" for line in overrides).encode()])
        self.wrote("config.yaml", "overrides.txt", "evaluation.yaml")

    def wrote(self, *names: str) -> None:
        """Note hashes of files that this session wrote or took away, for provenance.json."""
        for name in names:
            path = self.path / name
            self._hashes[name] = file_hash(path) if path.is_file() else None

    @rank_zero_only
    def cut_curve(self, step: int) -> None:
        """Keep the rows of metrics.csv before `step`, where training (again) begins; without any, start a new file."""
        path = self.path / "metrics.csv"
        if not path.is_file():
            return
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if int(row["step"] or 0) < step]
        if not rows:
            path.unlink()
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(path, [text.getvalue().encode()])

    @rank_zero_only
    def write_results(self, module: DialogueModule, seed: int) -> None:
        """metrics.json and generations.jsonl of a finished test; with several test sets, generations_<set>.jsonl."""
        files = {
            f"generations_{name}.jsonl" if name else "generations.jsonl": rows
            for name, rows in module.generations.items()
            if rows or not name  # a sample of the examples may have none of a set
        }
        former = {path.name for path in self.path.glob("generations*.jsonl")}
        for name in (
            former - files.keys()
        ):  # of an earlier test on other sets: recomputing would take it for one of these
            (self.path / name).unlink()
        for name, rows in files.items():
            write_generations(self.path / name, rows)
        other: dict[str, Any] = {}
        if module.test_users:
            other |= {"users": module.test_users, "intervals": intervals(module.test_users)}
        other |= module.test_metrics.remarks(module.test_versions)
        write_results(
            self.path / "metrics.json",
            module.test_results,
            module.test_versions,
            sum(len(rows) for rows in module.generations.values()),
            seed,
            other,
        )
        self.wrote("metrics.json", *files, *former)

    @rank_zero_only
    def write_adapters(self, module: DialogueModule) -> None:
        """adapters/, a PEFT folder a user, the same packed in adapters.zoo, and users.jsonl, what became of each.

        Copies of whole networks stay in the checkpoint; `python -m zoo.export` takes one out.
        """
        if not module.automatic_optimization:
            lines = [json.dumps(report, ensure_ascii=False) + "\n" for report in module.learner.reports()]
            write_atomically(self.path / "users.jsonl", [line.encode() for line in lines])
            self.wrote("users.jsonl")
        if not isinstance(module.net, AdaptedModel):
            shutil.rmtree(self.path / "adapters", ignore_errors=True)  # of an earlier run in this directory
            (self.path / "adapters.zoo").unlink(missing_ok=True)
            return
        store = AdapterStore(self.path / "adapters")
        names = ["shared"] if module.net.shared else list(module.net.users)
        for former in set(store.users()) - set(names):  # of an earlier run in this directory
            store.delete(former)
        for name in names:
            store.save(name, module.net.adapter(name))
        store.pack(self.path / "adapters.zoo")

    @rank_zero_only
    def write_provenance(
        self, trainer: Trainer, module: DialogueModule, data: DialogueDataModule, seconds_of: Mapping[str, float]
    ) -> None:
        """provenance.json: code, packages, machine, data, sizes, time and memory; earlier sessions stay, as a list.

        Args:
            seconds_of: this session's verbs, in order.
        """
        parameters = {id(p): p for p in module.net.parameters()}.values()
        bank: Any = getattr(module.net, "bank", None)
        self.write_session(
            {
                "run": list(seconds_of),
                "seconds_of": {verb: round(seconds, 1) for verb, seconds in seconds_of.items()},
                "parameters": {
                    "all": sum(p.numel() for p in parameters),
                    "trainable": sum(p.numel() for p in parameters if p.requires_grad),
                    **(
                        {"trainable_per_user": bank.numbers_per_user, "users": len(getattr(module.net, "users", ()))}
                        if module.net.has_user_rows
                        else {}
                    ),
                },
                "seed": module.run_config.get("seed"),
                "global_batch_size": data.batch_size,
                "optimizer_steps": trainer.global_step,
                "decoding": module.decoding.to_diff_dict(),
                "determinism": determinism(),
                "data": data.provenance(),
            },
            processes=trainer.world_size,
        )

    @rank_zero_only
    def write_session(self, details: dict[str, Any], processes: int = 1) -> None:
        """provenance.json: `details`, and where, with what and how long they came about; earlier sessions below."""
        earlier = read_record(self.path)
        hashes = {**(earlier or {}).get(FILES, {}), **self._hashes}
        record = {
            "code": code_version(),
            "python": platform.python_version(),
            "packages": dict(_installed(PACKAGES)),
            "machine": machine(processes),
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(time.time() - self._started, 1),
            **peak_memory(),
            **details,
            FILES: {name: written for name, written in sorted(hashes.items()) if written is not None},
        }
        if earlier is not None:
            former = earlier.pop("earlier", [])
            earlier.pop(FILES, None)
            if earlier.pop(UNFINISHED, None) == "training" and not self._trains:
                record[UNFINISHED] = "training"  # scoring does not end it
            record["earlier"] = [*former, earlier]
        write_record(self.path, record)


def _installed(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in packages:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def is_first_process() -> bool:
    """Is this the process that prints and writes?"""
    rank: int = rank_zero_only.rank  # type: ignore[attr-defined]
    return rank == 0
