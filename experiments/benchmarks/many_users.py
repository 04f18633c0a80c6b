"""Many users' adapters on one frozen backbone: one bank against PEFT, one user after another.

    python experiments/benchmarks/many_users.py [--case prefix|small|lora|decoding|loading] [--runs 3] [--device cuda]

A training case is one step of every user: forward, backward and AdamW. PEFT takes its usual way, a model with one
adapter whose weights are set to the user's before its step (not counted), with logits of all positions as its forward
gives them. Both ways start from the same adapters on the same data, and their losses are compared first. Runs of the
ways take turns; the table has medians and ratios. The data are random ids: 48 of context and 16 of response.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model
from torch import Tensor
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

from zoo.adapters.packed import PackedAdapters, write_packed
from zoo.adapters.peft_folder import write_peft_folder
from zoo.backbones import fuse_activation
from zoo.data.batch import DialogueBatch
from zoo.models.adapted import AdaptedModel, choose_attention
from zoo.models.banks.lora import LoRABank
from zoo.models.banks.prefix import PrefixBank
from zoo.models.lora import LoRA
from zoo.models.prefix_tuning import PrefixTuning
from zoo.optim import RowwiseAdamW
from zoo.users.losses import by_user, row_gradients

CONTEXT, RESPONSE, BATCH, EOS = 48, 16, 2, 50256
SHAPES = {"width 256": {"n_embd": 256, "n_layer": 4, "n_head": 4}, "GPT-2 small": {}}


class RandomExamples:
    """A table of random ids: `BATCH` examples for every user."""

    def __init__(self, users: int) -> None:
        torch.manual_seed(1)
        self.ids = torch.randint(0, 50000, (users * BATCH, CONTEXT + RESPONSE))
        self.lengths = np.array([[0, CONTEXT, RESPONSE]] * (users * BATCH))
        self.user_rows = np.repeat(np.arange(users), BATCH)

    def __getitems__(self, rows: list[int]) -> DialogueBatch:
        context, response = self.ids[rows].split([CONTEXT, RESPONSE], dim=1)
        everywhere = torch.ones_like(context, dtype=torch.bool), torch.ones_like(response, dtype=torch.bool)
        nothing = context[:, :0]
        return DialogueBatch(
            persona=nothing, persona_mask=nothing.bool(), context=context, context_mask=everywhere[0],
            response=response, response_mask=everywhere[1], user=torch.as_tensor(self.user_rows[rows]),
            example_id=torch.as_tensor(rows), pad_id=EOS,
        )  # fmt: skip


@dataclass
class Case:
    """One shape and kind of adapter, with both ways built on one set of weights."""

    kind: str
    shape: str
    users: int
    device: str

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        config = GPT2Config(
            **SHAPES[self.shape], bos_token_id=EOS, eos_token_id=EOS, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
        )
        self.weights = GPT2LMHeadModel(config).eval().to(self.device)
        self.examples = RandomExamples(self.users)

    def ours(self, dtype: torch.dtype = torch.float32) -> AdaptedModel:
        """A bank of all users."""
        model = object.__new__(PrefixTuning if self.kind == "prefix" else LoRA)
        torch.nn.Module.__init__(model)
        model.lm = self.copy(dtype, as_loaded=True)
        model.lm.requires_grad_(False)
        choose_attention(model.lm)
        model.bank = PrefixBank(model.lm, 7) if self.kind == "prefix" else LoRABank(model.lm, 8, 8, ["c_attn"])
        model.shared, model.seed, model.start_from, model.between = False, 0, None, EOS
        model.base_model, model.revision = "gpt2", None
        model.set_users([f"user {number}" for number in range(self.users)])
        return model.to(self.device)

    def peft(self, dtype: torch.dtype = torch.float32) -> PeftModel:
        """PEFT's model with one adapter."""
        if self.kind == "prefix":
            config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=7)
        else:
            config = LoraConfig(
                task_type="CAUSAL_LM", r=8, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True
            )
        return get_peft_model(self.copy(dtype), config).to(self.device)

    def copy(self, dtype: torch.dtype, as_loaded: bool = False) -> GPT2LMHeadModel:
        """The backbone's weights in a precision; `as_loaded` as `Backbone.load` would."""
        config = copy.deepcopy(self.weights.config)
        if as_loaded:
            fuse_activation(config)
        model = GPT2LMHeadModel(config).eval().to(self.device)
        model.load_state_dict(self.weights.state_dict())
        return model.to(dtype)


def bank_step(case: Case, dtype: torch.dtype = torch.float32) -> Callable[[], list[float]]:
    """One step of all users side by side; gives their losses."""
    model = case.ours(dtype)
    optimizer = RowwiseAdamW(model.bank.tables.values(), case.users)
    users = torch.arange(case.users, device=case.device)
    rows = by_user(case.examples, case.users)

    def step() -> list[float]:
        losses, gradients = row_gradients(model, case.examples, users, rows)
        optimizer.step(rows=users, slots=users, gradients=gradients, lr=torch.full_like(losses, 1e-3).float())
        return losses.tolist()

    return step


def peft_step(case: Case, dtype: torch.dtype = torch.float32) -> Callable[[], list[float]]:
    """One step of every user, one after another; gives their losses."""
    ours, model = case.ours(), case.peft(dtype)
    starts = [ours.bank.export(row)[0] for row in range(case.users)]
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-3, weight_decay=0.0)

    def load(row: int) -> None:
        with torch.no_grad():
            for name, parameter in trained.items():
                key = "prompt_embeddings" if case.kind == "prefix" else name.replace(".default", "")
                parameter.copy_(starts[row][key])

    load(0)

    def step() -> list[float]:
        losses = []
        for row in range(case.users):
            ids = case.examples.ids[row * BATCH : (row + 1) * BATCH].to(case.device)  # [2, 64]
            context, response = ids.split([CONTEXT, RESPONSE], dim=1)
            between = torch.full_like(context[:, :1], EOS)
            joined = torch.cat([context, between, response], dim=1)
            labels = joined.masked_fill(torch.arange(joined.size(1), device=case.device) <= CONTEXT, -100)
            loss = model(input_ids=joined, attention_mask=torch.ones_like(joined), labels=labels).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
        return [loss.item() for loss in losses]

    def checked() -> list[float]:
        losses = []
        for row in range(case.users):
            load(row)
            one = Case.__new__(Case)
            one.__dict__ = {**case.__dict__, "users": 1}
            losses.append(first_loss(model, case, row))
        return losses

    step.first_losses = checked  # type: ignore[attr-defined]
    return step


@torch.no_grad()
def first_loss(model: PeftModel, case: Case, row: int) -> float:
    """A user's loss under PEFT, before any step."""
    ids = case.examples.ids[row * BATCH : (row + 1) * BATCH].to(case.device)
    context, response = ids.split([CONTEXT, RESPONSE], dim=1)
    joined = torch.cat([context, torch.full_like(context[:, :1], EOS), response], dim=1)
    labels = joined.masked_fill(torch.arange(joined.size(1), device=case.device) <= CONTEXT, -100)
    return float(model(input_ids=joined, attention_mask=torch.ones_like(joined), labels=labels).loss)


def synchronised(way: Callable[[], Any]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    way()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def medians(ways: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Each way in turn, `runs` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(runs + 1):
        for name, way in ways.items():
            value = synchronised(way)
            if run:
                seconds[name].append(value)
    return {name: statistics.median(values) for name, values in seconds.items()}


def training(kind: str, shape: str, users: int, runs: int, device: str) -> None:
    """Bank in fp32 and bf16 against PEFT in fp32 and bf16."""
    case = Case(kind, shape, users, device)
    bank, peft = bank_step(case), peft_step(case)
    theirs = peft.first_losses()  # type: ignore[attr-defined]
    difference = max(abs(a - b) for a, b in zip(bank(), theirs, strict=True))
    assert difference < 1e-3, difference
    ways = {
        "PEFT fp32": peft,
        "bank fp32": bank,
        "PEFT bf16 backbone": peft_step(case, torch.bfloat16),
        "bank bf16 backbone": bank_step(case, torch.bfloat16),
    }
    seconds = medians(ways, runs)
    print(f"\n{kind}, {users} users x {BATCH}, {shape}, {device}; losses agree to {difference:.0e}")
    for name, value in seconds.items():
        print(f"  {name:20s}{value:9.3f} s{seconds['PEFT fp32'] / value:8.2f}x PEFT fp32"
              f"{seconds['PEFT bf16 backbone'] / value:8.2f}x PEFT bf16")  # fmt: skip


def decoding(users: int, runs: int, device: str) -> None:
    """Greedy answers of 16 tokens: one batch of all users against PEFT, which switches adapters."""
    case = Case("lora", "width 256", users, device)
    ours, batch = case.ours(), case.examples.__getitems__(list(range(0, users * BATCH, BATCH))).to(device)
    for name, table in ours.bank.tables.items():
        if name.endswith("/B"):
            torch.nn.init.normal_(table, std=0.02)
    settings = GenerationConfig(max_new_tokens=16, min_new_tokens=16, pad_token_id=EOS, eos_token_id=EOS)
    with tempfile.TemporaryDirectory() as folder:
        model: Any = None
        for row in range(users):
            write_peft_folder(Path(folder) / str(row), ours.adapter(f"user {row}"))
            if model is None:
                model = PeftModel.from_pretrained(case.copy(torch.float32), Path(folder) / "0", adapter_name="0")
            else:
                model.load_adapter(Path(folder) / str(row), adapter_name=str(row))
    model = model.to(device).eval()

    def switching() -> list[Tensor]:
        answers = []
        for row in range(users):
            model.set_adapter(str(row))
            ids = torch.cat([batch.context[row : row + 1], batch.context.new_full((1, 1), EOS)], dim=1)
            answers.append(model.generate(input_ids=ids, attention_mask=torch.ones_like(ids),
                                          generation_config=settings)[0, ids.size(1) :])  # fmt: skip
        return answers

    together = ours.generate(batch, settings)
    same = sum(torch.equal(a, b) for a, b in zip(switching(), together, strict=True))
    seconds = medians({"PEFT": switching, "bank": lambda: ours.generate(batch, settings)}, runs)
    print(f"\ngreedy answers, {users} users, width 256, {device}: {same} of {users} answers equal")
    print(f"  PEFT, switching {seconds['PEFT']:.3f} s, one batch {seconds['bank']:.3f} s, "
          f"{seconds['PEFT'] / seconds['bank']:.2f}x")  # fmt: skip


def loading(users: int = 1000, measured: int = 100) -> None:
    """A packed file against PEFT's `load_adapter`, whose cost grows with what is loaded: measured and extrapolated."""
    case = Case("lora", "width 256", users, "cpu")
    ours = case.ours()
    with tempfile.TemporaryDirectory() as folder:
        write_packed(Path(folder) / "bank", ((user, ours.adapter(user)) for user in ours.users))
        for row in range(measured):
            write_peft_folder(Path(folder) / str(row), ours.adapter(f"user {row}"))

        def packed() -> None:
            bank = PackedAdapters(Path(folder) / "bank")
            for row, adapter in enumerate(bank.read(bank.users)):
                ours.take(row, adapter)

        packed_seconds = statistics.median(synchronised(packed) for _ in range(3))
        each = []
        model = PeftModel.from_pretrained(case.copy(torch.float32), Path(folder) / "0", adapter_name="0")
        for row in range(1, measured):
            each.append(synchronised(
                lambda row=row: model.load_adapter(Path(folder) / str(row), adapter_name=str(row))
            ))  # fmt: skip
    slope, start = np.polyfit(np.arange(1, measured), each, 1)
    expected = start * users + slope * users**2 / 2
    print(f"\nloading {users} users' LoRA, width 256")
    print(f"  packed file into a bank {packed_seconds:.2f} s; PEFT load_adapter of {measured}: {sum(each):.2f} s, "
          f"extrapolated to {users}: {expected:.0f} s, {expected / packed_seconds:.0f}x")  # fmt: skip


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=["all", "prefix", "small", "lora", "decoding", "loading"], default="all")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    chosen = lambda name: options.case in ("all", name)  # noqa: E731
    print(f"{torch.get_num_threads()} threads, medians of {options.runs}")
    if chosen("prefix"):
        training("prefix", "width 256", 64, options.runs, options.device)
    if chosen("small"):
        training("prefix", "GPT-2 small", 16, options.runs, options.device)
    if chosen("lora"):
        training("lora", "width 256", 64, options.runs, options.device)
    if chosen("decoding"):
        decoding(64, options.runs, options.device)
    if chosen("loading"):
        loading()


if __name__ == "__main__":
    main()
