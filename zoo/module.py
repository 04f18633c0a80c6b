"""The one LightningModule. It is handed its parts and never subclassed.

Letters: B batch, R response, N response tokens of the batch, V vocabulary.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from lightning import LightningModule
from torch import Tensor
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch, collate
from zoo.data.datamodule import DialogueDataModule
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError
from zoo.learners import Learner
from zoo.metrics.generations import LIKELIHOOD_FIELDS, Generation
from zoo.metrics.suite import MetricSuite
from zoo.metrics.text import clean_up
from zoo.models.base import DialogueModel


class DialogueModule(LightningModule):
    """Trains, scores and questions one `DialogueModel`.

    Args:
        net: the model.
        learner: `(net, batch) -> loss`.
        optimizer: called with the trainable parameters.
        metrics: the protocol's suite; validation uses what of it needs no decoding.
        decoding: how replies are generated.
        template: turns ids into text, and new conversations into ids.
        scheduler: called with `optimizer` and `num_training_steps`; stepped after every optimizer step.
    """

    def __init__(
        self,
        net: DialogueModel,
        learner: Learner,
        optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer],
        metrics: MetricSuite,
        decoding: GenerationConfig,
        template: DialogueTemplate,
        scheduler: Callable[..., torch.optim.lr_scheduler.LRScheduler],
    ) -> None:
        super().__init__()
        self.net = net
        self.learner = learner
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.template = template
        self.decoding = decoding
        self.decoding.pad_token_id = template.tokenizer.pad_token_id
        self.decoding.eos_token_id = template.tokenizer.eos_token_id
        self.automatic_optimization = learner.automatic_optimization
        self.validation_metrics = metrics.select(LIKELIHOOD_FIELDS)
        self.test_metrics = metrics
        self.run_config: dict[str, Any] = {}  # plain and resolved; travels in every checkpoint
        self.generations: dict[str, list[Generation]] = {}  # by test set, after a test, on rank 0
        self.test_results: dict[str, float] = {}

    # -- training -----------------------------------------------------------------------------------------------------

    def training_step(self, batch: DialogueBatch, batch_idx: int) -> Tensor:
        """The learner's loss of one micro-batch."""
        loss = self.learner(self.net, batch)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> Any:
        """The optimizer over what is trainable, with the schedule counted in optimizer steps."""
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        scheduler = self.scheduler(optimizer=optimizer, num_training_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def validation_step(self, batch: DialogueBatch, batch_idx: int) -> None:
        """Count in the likelihood of the batch's responses."""
        self.validation_metrics.update(self.score(batch, self._examples("val", batch)))

    def on_validation_epoch_end(self) -> None:
        """Log `val/<metric>`; every rank computes the same values."""
        for name, value in self.validation_metrics.compute().items():
            self.log(f"val/{name}", value, prog_bar=name == "ppl_token", rank_zero_only=False)
        self.validation_metrics.reset()

    def on_test_start(self) -> None:
        """Forget an earlier test."""
        self.test_metrics.reset()
        self.generations = {}
        self._rows: list[tuple[int, Generation]] = []

    def test_step(self, batch: DialogueBatch, batch_idx: int) -> None:
        """Likelihood and, where the protocol asks for text, the reply to every example."""
        examples = self._examples("test", batch)
        replies = self.respond(batch) if self.test_metrics.needs_text else None
        rows = self.score(batch, examples, replies)
        self.test_metrics.update(rows)
        self._rows += zip(batch.example_id.tolist(), rows, strict=True)

    def on_test_epoch_end(self) -> None:
        """Log `test/<metric>` and bring every process's generations to rank 0, in the corpus's order."""
        self.test_results = {f"test/{name}": value for name, value in self.test_metrics.compute().items()}
        self.log_dict(self.test_results, rank_zero_only=False)
        parts = [self._rows]
        if dist.is_initialized() and dist.get_world_size() > 1:
            parts = [[] for _ in range(dist.get_world_size())]
            dist.gather_object(self._rows, parts if dist.get_rank() == 0 else None)
        rows = sorted((row for part in parts for row in part), key=lambda numbered: numbered[0])
        self.generations = {"": [row for _, row in rows]}

    def score(
        self, batch: DialogueBatch, examples: Sequence[DialogueExample], replies: Sequence[str] | None = None
    ) -> list[Generation]:
        """One `Generation` an example: its likelihood, with the reply beside it where one was decoded.

        Under a protocol with `teacher_forced_ids` every response position counts, pads included, as the PAA release
        evaluates.
        """
        padded = self.test_metrics.teacher_forced_ids
        keep = torch.ones_like(batch.response_mask) if padded else batch.response_mask  # [B, R]
        logits = self.net(batch, positions=keep).float()  # [N, V]
        token_nll = F.cross_entropy(logits, batch.response[keep], reduction="none")  # [N]
        table = torch.zeros(keep.shape, dtype=torch.float64, device="cpu")  # [B, R]
        table[keep.cpu()] = token_nll.double().cpu()
        table = table.masked_fill(~batch.response_mask.cpu(), 0.0)
        argmax = logits.argmax(-1).view(keep.shape).tolist() if padded else None
        text = clean_up if self.test_metrics.clean_up else str
        return [
            Generation(
                id=example.id,
                user=example.user,
                persona=list(example.persona),
                history=list(example.history),
                reference=text(example.response),
                response=None if replies is None else text(replies[b]),
                nll=float(table[b].sum()),
                n_tokens=int(batch.response_mask[b].sum()),
                target_ids=batch.response[b].tolist() if padded else None,
                argmax_ids=argmax[b] if argmax else None,
                token_nll=table[b].tolist() if padded else None,
            )
            for b, example in enumerate(examples)
        ]

    def respond(self, batch: DialogueBatch) -> list[str]:
        """Decode a reply to every row."""
        return [self.template.decode(ids) for ids in self.net.generate(batch, self.decoding).tolist()]

    @torch.no_grad()
    def reply(
        self,
        history: Sequence[str],
        *,
        persona: Sequence[str] = (),
        user: str = "",
        seed: int | None = None,
    ) -> str:
        """Answer the last utterance of `history` (oldest first, alternating, the partner speaking last).

        Args:
            history: what was said; an empty list opens the conversation.
            persona: sentences of the one who answers.
            user: id of the one who answers, for models with a state per user.
            seed: of sampled decoding.
        """
        self.eval()
        if seed is not None:
            torch.manual_seed(seed)
        said_by_responder = tuple((len(history) - i) % 2 == 0 for i in range(len(history)))
        example = DialogueExample(
            id="reply",
            dialogue="reply",
            persona=tuple(persona),
            history=tuple(history),
            history_by_responder=said_by_responder,
            response="-",  # a template encodes whole examples; generation never reads it
            user=user,
        )
        batch = collate([self.template.encode(example)], pad_id=self.template.tokenizer.pad_token_id)
        return self.respond(batch.to(self.device))[0]

    def _examples(self, stage: str, batch: DialogueBatch) -> list[DialogueExample]:
        datamodule: DialogueDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return [datamodule.example(stage, row) for row in batch.example_id.tolist()]

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is trained, and the run's plain configuration; frozen weights come from the backbone again."""
        frozen = {name for name, p in self.named_parameters(remove_duplicate=False) if not p.requires_grad}
        for name in frozen & set(checkpoint["state_dict"]):
            del checkpoint["state_dict"][name]
        checkpoint["config"] = self.run_config

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint that is not this model's, by name; fill in frozen weights."""
        given, own = checkpoint["state_dict"], self.state_dict()
        trained = {name for name, p in self.named_parameters(remove_duplicate=False) if p.requires_grad}
        written_for = checkpoint.get("config", {}).get("model", {}).get("net", {}).get("_target_")
        this = f"{type(self.net).__module__}.{type(self.net).__qualname__}"
        if written_for not in (None, this):
            raise UserError(
                f"The checkpoint was written by a {written_for}, but this run's model is a {this}. Select the model "
                "that wrote it (its configuration is in the checkpoint under 'config'), or another checkpoint."
            )
        problems = {
            "missing": sorted(trained - set(given)),
            "unexpected": sorted(set(given) - set(own)),
            "of another shape": sorted(
                f"{name} {list(given[name].shape)} instead of {list(own[name].shape)}"
                for name in set(given) & set(own)
                if given[name].shape != own[name].shape
            ),
        }
        if any(problems.values()):
            found = "; ".join(f"{len(v)} {kind}: {', '.join(v[:4])}" for kind, v in problems.items() if v)
            raise UserError(
                f"The checkpoint does not fit this model ({found}). Expected exactly the trained weights of {this} "
                "with this run's settings; check model, backbone and template against the checkpoint's 'config'."
            )
        checkpoint["state_dict"] = {**own, **given}
