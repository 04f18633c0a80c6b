"""The one LightningModule. It is handed its parts and never subclassed.

Letters: B batch, R response, N response tokens of the batch, V vocabulary.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from lightning import LightningModule
from torch import Tensor
from transformers import GenerationConfig

from zoo.checkpoints import check_settings
from zoo.data.batch import SEGMENTS, DialogueBatch, collate
from zoo.data.datamodule import DialogueDataModule
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError
from zoo.learners import DoubleHeads, Learner
from zoo.metrics.by_user import results_by_user
from zoo.metrics.generations import LIKELIHOOD_FIELDS, Generation
from zoo.metrics.results import result_prefix
from zoo.metrics.suite import MetricSuite
from zoo.models.base import DialogueModel
from zoo.plateau import Plateau
from zoo.ranking import candidate_scores, check_rule

UNREAD = "-"  # in the place of a response that is not known: a template encodes whole examples


def unanswered(
    history: Sequence[str],
    persona: Sequence[str] = (),
    user: str = "",
    profile: Mapping[str, str] | None = None,
    partner_profile: Mapping[str, str] | None = None,
) -> DialogueExample:
    """The example of a conversation that is to be answered, with arguments as for `DialogueModule.reply`.

    Raises:
        UserError: history or persona is one text.
    """
    if isinstance(history, str) or isinstance(persona, str):
        raise UserError(
            "reply() was given a text for history or persona; expected lists of them: what was said, and sentences."
        )
    return DialogueExample(
        id="reply",
        dialogue="reply",
        persona=tuple(persona),
        history=tuple(history),
        history_by_responder=tuple((len(history) - i) % 2 == 0 for i in range(len(history))),
        response=UNREAD,
        user=user,
        profile=profile or {},
        partner_profile=partner_profile or {},
    )


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
        ranking: of candidates, one of `zoo.ranking.RULES`; None is the choice head where the learner trains one, else
            the likelihood per token.
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
        ranking: str | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.learner: Any = learner  # one that steps by itself has more than the protocol
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.template = template
        self.decoding = decoding
        self.decoding.pad_token_id = template.pad_id
        self.decoding.eos_token_id = template.eos_id
        if net.has_user_rows != learner.rows_of_users:
            raise UserError(
                f"{type(net).__name__} {'has' if net.has_user_rows else 'has no'} parameters of each user's own, "
                f"and the learner {'does not train' if net.has_user_rows else 'trains only'} such; expected users=each "
                "with learner=per_user (which it brings), or users=one with another learner."
            )
        if isinstance(learner, DoubleHeads):
            learner.prepare(net, template.eos_id, template.cls_id)
        self.ranking: Any = ranking or ("likelihood_per_token" if net.choice_head is None else "choice_head")
        check_rule(self.ranking)
        if self.ranking == "choice_head" and net.choice_head is None:
            raise UserError(
                "model.ranking=choice_head was given to a model without one; expected learner=double_heads, which "
                "trains it, or model.ranking=likelihood_per_token."
            )
        self.automatic_optimization = learner.automatic_optimization
        self.validation_metrics = metrics.select(LIKELIHOOD_FIELDS)
        self.test_metrics = metrics
        self.run_config: dict[str, Any] = {}  # plain and resolved; travels in every checkpoint
        self.generations: dict[str, list[Generation]] = {}  # by test set, after a test, on rank 0
        self.test_results: dict[str, float] = {}
        self.test_versions: dict[str, int | str] = {}  # of the metrics among them
        self.test_users: dict[str, Any] = {}  # by user, where the protocol asks for it

    def setup(self, stage: str) -> None:
        """Tell the model who its users are; refuse data longer than the network's positions."""
        self._introduce_users()
        if stage == "test" and self.test_metrics.needs_candidates:
            self._datamodule.check_candidates("test")
        for split in {"fit": ("train", "valid"), "validate": ("valid",), "test": ("test",)}.get(stage, ()):
            lengths = dict(zip(SEGMENTS, self._datamodule.lengths(split).T, strict=True))
            prompt = int(sum((lengths[name] for name in self.net.prompt_segments), 0 * lengths["response"]).max())
            answer = max(int(lengths["response"].max()), self.decoding.max_new_tokens if stage == "test" else 0)
            if isinstance(self.learner, DoubleHeads) or (stage == "test" and self.test_metrics.needs_candidates):
                answer = max(answer, self._datamodule.table(split).longest_candidate) + 2  # and what a choice reads
            needed, limit = self.net.positions_needed(prompt, answer)
            if limit is not None and needed > limit:
                raise UserError(
                    f"The {split} split needs {needed} positions ({prompt} tokens before the reply, {answer} for "
                    f"it), but the network has {limit}. Lower template.max_context_tokens, max_persona_tokens or "
                    "decoding.max_new_tokens, or choose a backbone with more positions."
                )

    def _introduce_users(self) -> None:
        """Rows for the data's users; a model that was trained on some is not asked about others."""
        data = self._datamodule
        if not self.net.users or list(self.net.users) == data.users != [""]:
            return
        if self.net.has_user_rows and data.users == [""]:
            raise UserError(
                "users=each was given, but the data name nobody; expected users to have adapters. Say who is who by "
                "data.users= (persona, shared_sentences), or train one adapter for all with users=one."
            )
        if self.net.users == [""]:
            personas = data.personas()
            self.net.set_users(data.users, [self.template.ids(" " + " ".join(personas[user])) for user in data.users])
        elif strangers := sorted(set(data.users) - set(self.net.users)):
            raise UserError(
                f"The data have {len(data.users)} users, of whom this model has no state for {len(strangers)} "
                f"({', '.join(map(repr, strangers[:3]))}); expected data of the users it was trained on."
            )
        else:
            data.number_users(self.net.users)  # fewer than those it knows: rows are the model's

    # -- training -----------------------------------------------------------------------------------------------------

    def training_step(self, batch: DialogueBatch, batch_idx: int) -> Tensor:
        """The learner's loss of one micro-batch, or its own step."""
        if not self.automatic_optimization:
            optimizer: Any = self.optimizers()
            loss = self.learner.step(self.net, optimizer.step, optimizer.optimizer.forget)
            self.log("train/loss", loss, prog_bar=True, batch_size=1)
            return loss
        loss = self.learner(self.net, batch)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> Any:
        """The optimizer over what is trainable, with the schedule counted in optimizer steps."""
        if not self.automatic_optimization:
            if self.trainer.precision in ("16-mixed", "16-true", "bf16-true"):
                raise UserError(
                    f"trainer.precision={self.trainer.precision} was given, but users' own parameters are trained in "
                    "float32 or better; for a frozen backbone in half the memory set backbone.dtype=bf16."
                )
            return self.learner.optimizer(self.net)
        try:
            optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        except (TypeError, ValueError) as error:
            raise UserError(f"The optimizer refused its settings ({error}); see optimizer.* of this run.") from error
        try:
            scheduler = self.scheduler(optimizer=optimizer, num_training_steps=self.planned_steps())
        except UserError:
            raise
        except ValueError as error:  # a schedule over the whole run of a run without an end
            raise UserError(
                f"The scheduler needs to know how long training lasts ({error}), but trainer.max_epochs and "
                "trainer.max_steps set no limit that can be told in steps. Set one of them (trainer.max_steps, where "
                "the data are streamed), or scheduler=constant."
            ) from error
        entry: dict[str, Any] = {"scheduler": scheduler, "interval": "step"}
        if isinstance(scheduler, Plateau):  # Lightning keeps its state, `on_validation_epoch_end` steps it
            entry |= {"monitor": scheduler.monitor, "interval": "epoch", "frequency": sys.maxsize}
        return {"optimizer": optimizer, "lr_scheduler": entry}

    def planned_steps(self) -> int | None:
        """Optimizer steps of the whole run; None without a limit.

        Not the Trainer's own estimate: that opens the loaders before a checkpoint's position in them is restored.
        """
        epochs, steps = self.trainer.max_epochs, self.trainer.max_steps
        per_epoch = None if epochs in (None, -1) else self._datamodule.steps_per_epoch()
        limits = [] if epochs is None or per_epoch is None else [epochs * per_epoch]
        return min(limits + ([] if steps == -1 else [steps]), default=None)

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def on_validation_start(self) -> None:
        """In the middle of per-user training on several devices: everybody's present adapter on every device."""
        if not self.automatic_optimization and self.trainer.training and not self.learner.finished:
            self.learner.gather(self.net)

    def validation_step(self, batch: DialogueBatch, batch_idx: int) -> None:
        """Count in the likelihood of the batch's responses."""
        with self.full_precision():
            self.validation_metrics.update(self.score(batch, self._examples("val", batch)))

    def on_validation_epoch_end(self) -> None:
        """Log `val/<metric>`; every rank computes the same values. A schedule that waits for them goes on."""
        values = {f"val/{name}": value for name, value in self.validation_metrics.compute().items()}
        for name, value in values.items():
            self.log(name, value, prog_bar=name == "val/ppl_token", rank_zero_only=False)
        self.validation_metrics.reset()
        schedule = self.lr_schedulers() if self.trainer.state.fn == "fit" else None
        if isinstance(schedule, Plateau):
            if schedule.monitor not in values:
                raise UserError(
                    f"scheduler.monitor={schedule.monitor} was given, but validation gives {', '.join(values)}; "
                    "expected one of these, which the protocol must have."
                )
            schedule.step(float(values[schedule.monitor]))

    def on_test_start(self) -> None:
        """Forget an earlier test; a suite for every test set."""
        self.test_metrics.reset()
        sets = self._datamodule.test_sets
        self._suites = {name: self.test_metrics.clone() for name in sets} if sets else {"": self.test_metrics}
        self.generations = {}
        self._rows: list[tuple[int, str, Generation]] = []  # place in the corpus, test set

    def test_step(self, batch: DialogueBatch, batch_idx: int) -> None:
        """Likelihood and, where the protocol asks for text, the reply to every example."""
        examples = self._examples("test", batch)
        with self.full_precision():
            with self.own_draws(examples):
                replies = self.respond(batch) if self.test_metrics.needs_text else None
            rows = self.score(batch, examples, replies)
        sets = [self._datamodule.test_set_of(example) for example in examples]
        for name, suite in self._suites.items():
            suite.update([row for row, of in zip(rows, sets, strict=True) if of == name])
        self._rows += zip(batch.example_id.tolist(), sets, rows, strict=True)

    def on_test_epoch_end(self) -> None:
        """Log `test/<metric>` or `test/<set>/<metric>`; bring all generations to rank 0, in the corpus's order."""
        self.test_results, self.test_versions = {}, {}
        for name, suite in self._suites.items():  # the same order on every rank
            self.test_results |= {f"{result_prefix(name)}{metric}": value for metric, value in suite.compute().items()}
            self.test_versions |= suite.versions()
        parts = [self._rows]
        if several := dist.is_initialized() and dist.get_world_size() > 1:
            parts = [[] for _ in range(dist.get_world_size())]
            dist.gather_object(self._rows, parts if dist.get_rank() == 0 else None)
        rows = sorted((row for part in parts for row in part), key=lambda numbered: numbered[0])
        self.generations = {name: [row for _, of, row in rows if of == name] for name in self._suites}
        if self.test_metrics.by_user:
            found = [results_by_user(self.test_metrics, self.generations) if self.global_rank == 0 else None]
            if several:
                dist.broadcast_object_list(found)
            means, versions, self.test_users = found[0]  # type: ignore[misc]
            self.test_results |= means
            self.test_versions |= versions
        self.log_dict(self.test_results, rank_zero_only=False)

    @contextmanager
    def own_draws(self, examples: Sequence[DialogueExample]) -> Iterator[None]:
        """Sampled replies follow from `seed` and from who is in the batch, not from what was drawn before.

        So a run scored again has the same replies; with another data.eval_batch_size or number of devices it has not.
        """
        names = "\n".join([str(self.run_config.get("seed")), *(example.id for example in examples)])
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices, enabled=bool(self.decoding.do_sample)):
            if self.decoding.do_sample:
                torch.manual_seed(int.from_bytes(hashlib.sha256(names.encode()).digest()[:8], "big") >> 1)
            yield

    def full_precision(self) -> torch.autocast:
        """Evaluate in the weights' own precision: a perplexity from bf16 logits would change with the batch's shape."""
        return torch.autocast(self.device.type, enabled=False)

    def score(
        self, batch: DialogueBatch, examples: Sequence[DialogueExample], replies: Sequence[str] | None = None
    ) -> list[Generation]:
        """One `Generation` an example: its likelihood, with the reply beside it where one was decoded.

        Under a protocol with `teacher_forced_ids` every response position counts, pads included, as the PAA release
        evaluates. Texts are as they were decoded and as the corpus has them: clean-up is the metrics' affair.
        """
        padded = self.test_metrics.teacher_forced_ids
        keep = torch.ones_like(batch.response_mask) if padded else batch.response_mask  # [B, R]
        logits = self.net(batch, positions=keep).float()  # [N, V]
        token_nll = F.cross_entropy(logits, batch.response[keep], reduction="none")  # [N]
        table = torch.zeros(keep.shape, dtype=torch.float64, device="cpu")  # [B, R]
        table[keep.cpu()] = token_nll.cpu().double()
        table = table.masked_fill(~batch.response_mask.cpu(), 0.0)
        ranks = self.trainer.testing and self.test_metrics.needs_candidates and batch.candidates is not None
        suffix = self.learner.choice_suffix if self.ranking == "choice_head" else ()
        scores = candidate_scores(self.net, batch, self.ranking, suffix=suffix) if ranks else None
        argmax = logits.argmax(-1).view(keep.shape).tolist() if padded else None
        return [
            Generation(
                id=example.id,
                user=example.user,
                persona=list(example.persona),
                history=list(example.history),
                reference=example.response,
                response=None if replies is None else replies[b],
                nll=float(table[b].sum()),
                n_tokens=int(batch.response_mask[b].sum()),
                n_words=-1 if batch.num_words is None else int(batch.num_words[b]) + 1,  # and the reply's end
                n_chars=-1 if batch.num_characters is None else int(batch.num_characters[b]),
                candidate_scores=scores[b] if scores else None,
                gold=int(batch.gold[b]) if scores and batch.gold is not None else None,
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
        profile: Mapping[str, str] | None = None,
        partner_profile: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> str:
        """Answer the last utterance of `history` (oldest first, alternating, the partner speaking last).

        Args:
            history: what was said; an empty list opens the conversation.
            persona: sentences of the one who answers.
            user: id of the one who answers; it must be known to a model with a state per user.
            profile, partner_profile: of who answers and of the other, for templates that show them.
            seed: of sampled decoding.
        """
        if seed is not None:
            torch.manual_seed(seed)
        return self.answer([unanswered(history, persona, user, profile, partner_profile)])[0]

    @torch.no_grad()
    def answer(self, examples: Sequence[DialogueExample]) -> list[str]:
        """Decode a reply to every example, all in one batch; their own responses are not read, but must not be empty.

        Raises:
            UserError: an example is of a user whom the model does not know.
        """
        return self.respond(self.asked(examples))

    def asked(self, examples: Sequence[DialogueExample]) -> DialogueBatch:
        """The examples as one batch on the model's device, which is put into evaluation mode; errors as for `answer`.

        For whoever decodes by `net.generate` with settings of their own.
        """
        self.eval()
        rows = [self.net.row_of(example.user) for example in examples]
        batch = collate(self.template.encode_all(examples), pad_id=self.template.pad_id, users=rows)
        return batch.to(self.device)

    def _examples(self, stage: str, batch: DialogueBatch) -> list[DialogueExample]:
        return [self._datamodule.example(stage, row) for row in batch.example_id.tolist()]

    @property
    def _datamodule(self) -> DialogueDataModule:
        return self.trainer.datamodule  # type: ignore[attr-defined,no-any-return]

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is trained, and the run's plain configuration; frozen weights come from the backbone again."""
        frozen = {name for name, p in self.named_parameters(remove_duplicate=False) if not p.requires_grad}
        for name in frozen & set(checkpoint["state_dict"]):
            del checkpoint["state_dict"][name]
        checkpoint["config"] = self.run_config
        checkpoint["users"] = list(self.net.users)
        if not self.automatic_optimization:
            checkpoint["learner"] = self.learner.state_dict(self.net, optimizer=self.trainer.optimizers[0])
            for name, value in self.state_dict().items():  # rows that other ranks trained have come in by now
                if name in checkpoint["state_dict"]:
                    checkpoint["state_dict"][name] = value

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint that is not this model's, by name; fill in frozen weights."""
        if self.net.users and list(self.net.users) != (users := checkpoint.get("users", [])):
            if self.net.users != [""]:
                raise UserError(
                    f"The checkpoint holds the state of {len(users)} users, but this run's data have "
                    f"{len(self.net.users)}, or others; expected the data that it was trained on."
                )
            self.net.set_users(users)
        if not self.automatic_optimization and "learner" in checkpoint:
            self.learner.load_state_dict(checkpoint["learner"])
        given, own = checkpoint["state_dict"], self.state_dict()
        trained = {name for name, p in self.named_parameters(remove_duplicate=False) if p.requires_grad}
        check_settings(checkpoint.get("config", {}), self.run_config)
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
                f"The checkpoint does not fit this model ({found}). Expected exactly the trained weights of "
                f"{type(self.net).__name__} with this run's settings; check model, backbone and template against the "
                "checkpoint's 'config'."
            )
        checkpoint["state_dict"] = {**own, **given}
