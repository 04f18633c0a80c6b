"""A LoRA for every user of a T5: one bank against PEFT, one user after another, in training and in answering questions.

    python experiments/benchmarks/user_lora.py [--case training|questions] [--users 64] [--runs 3] [--width 256]
                                               [--device cuda]

The shape is T5's at a small width (self-attention q, k, v, o at rank 12; 32,128 tokens), the data are the embedded
synthetic users'. Training is one step of every user on 4 examples: forward, backward, AdamW; PEFT has one adapter whose
weights are set to the user's before the step (not counted). Answering is `--questions` questions for every user,
greedy: mixed batches one after another against PEFT, which has all adapters in memory, switches, and answers all of a
user's questions in one batch; then one by one, as a server does that meets users in any order. The ways take turns,
from the same adapters, and what they compute is compared first.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch, collate
from zoo.data.datamodule import DialogueDataModule
from zoo.data.questions import personal_questions
from zoo.data.records import DialogueExample
from zoo.models.lora import LoRA
from zoo.module import DialogueModule
from zoo.optim import RowwiseAdamW
from zoo.users.losses import by_user, row_gradients

CONF = Path(__file__).resolve().parents[2] / "conf"
VOCABULARY = 32_128  # T5's
BATCH = 4  # examples of a user's step
ANSWER = 16  # tokens


def built(users: int, width: int, device: str) -> tuple[DialogueModule, DialogueDataModule]:
    """Module and data, every user's update away from zero."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [
            "model=user_lora", "data=synthetic_users", f"data.num_users={users}", "template.prompt=psp",
            "run_dir=unused",
            f"backbone.width={width}", "backbone.depth=4", "backbone.heads=4", "template.added_tokens=[]",
        ])  # fmt: skip
    torch.manual_seed(0)
    module, data = instantiate(cfg.model), instantiate(cfg.data.datamodule)
    module.net.lm.resize_token_embeddings(VOCABULARY, mean_resizing=False)
    module.net.lm.requires_grad_(False)
    data.setup("fit")
    module.net.set_users(data.users)
    for name, table in module.net.bank.tables.items():
        if name.endswith("/B"):
            torch.nn.init.normal_(table, std=0.05)
    return module.to(device), data


def peft_model(net: LoRA, users: int) -> PeftModel:
    """PEFT's model with the adapters of the first `users` users, named by their rows: user0, ..."""
    bank = net.bank
    config = LoraConfig(
        task_type="SEQ_2_SEQ_LM", r=bank.rank, lora_alpha=bank.alpha, target_modules=bank.modules_by_name
    )
    model = get_peft_model(copy.deepcopy(net.lm), config, adapter_name="user0")
    for row in range(1, users):
        model.add_adapter(f"user{row}", config)
    for row in range(users):
        set_to(model, net, row, f"user{row}")
    return model.eval()


@torch.no_grad()
def set_to(model: PeftModel, net: LoRA, row: int, adapter: str) -> None:
    """Give a PEFT adapter a user's weights."""
    tensors = net.bank.export(row)[0]
    for name, parameter in model.named_parameters():
        if f".{adapter}." in name and "lora_" in name:
            parameter.copy_(tensors[name.replace(f".{adapter}.", ".")])


def training(users: int, runs: int, width: int, device: str) -> None:
    """One step of everybody."""
    module, data = built(users, width, device)
    net, table = module.net, data.table("train")
    rows = [own[:BATCH] for own in by_user(table, users)]
    everybody = torch.arange(users, device=device)
    optimizer = RowwiseAdamW(net.bank.tables.values(), users)
    model = peft_model(net, 1)
    trained = [p for name, p in model.named_parameters() if "lora_" in name]
    for parameter in trained:
        parameter.requires_grad_(True)
    theirs_optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0)

    def loss_of(row: int) -> Tensor:
        batch = table.__getitems__(rows[row].tolist()).to(device)
        ids, mask = net.text(batch)
        labels = batch.response.masked_fill(~batch.response_mask, -100)
        loss: Tensor = model(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
        return loss

    def theirs() -> None:
        for row in range(users):
            loss_of(row).backward()
            theirs_optimizer.step()
            theirs_optimizer.zero_grad()

    def ours() -> list[float]:
        losses, gradients = row_gradients(net, table, everybody, rows)
        optimizer.step(rows=everybody, slots=everybody, gradients=gradients, lr=torch.full_like(losses, 1e-3).float())
        return losses.tolist()

    expected = []
    for row in range(users):
        set_to(model, net, row, "user0")
        expected.append(loss_of(row).item())
    difference = max(abs(a - b) for a, b in zip(ours(), expected, strict=True))
    assert difference < 1e-3, difference
    seconds = medians({"PEFT": theirs, "bank": ours}, runs)
    show(f"a step of {users} users x {BATCH}, losses agree to {difference:.0e}", seconds)


def questions(users: int, runs: int, width: int, device: str, number: int) -> None:
    """Everybody answers the same questions."""
    module, _ = built(users, width, device)
    net: Any = module.net
    settings = GenerationConfig(max_new_tokens=ANSWER, min_new_tokens=ANSWER, pad_token_id=0, eos_token_id=0)
    asked = [
        DialogueExample(f"{user}/{place}", "q", (), (question,), (False,), "-", user)
        for place, question in enumerate(personal_questions("en")[:number]) for user in net.users
    ]  # fmt: skip
    model = peft_model(net, users).to(device)

    def batch_of(examples: list[DialogueExample]) -> DialogueBatch:
        own = [net.row_of(example.user) for example in examples]
        return collate(module.template.encode_all(examples), pad_id=0, users=own).to(device)

    together = [batch_of(asked[start : start + 64]) for start in range(0, len(asked), 64)]
    by_user_ = [batch_of([e for e in asked if e.user == user]) for user in net.users]
    singles = [batch_of([example]) for example in asked[: 2 * users]]

    def peft(batches: list[DialogueBatch]) -> list[Tensor]:
        answers = []
        for batch in batches:
            model.set_adapter(f"user{int(batch.user[0])}")
            ids, mask = net.text(batch)
            answers.append(model.generate(input_ids=ids, attention_mask=mask.long(), generation_config=settings)[:, 1:])
        return answers

    mixed = net.generate(together[0], settings)
    alone = torch.cat(peft(singles[:users]))
    same = sum(torch.equal(a, b) for a, b in zip(mixed, alone, strict=False))
    seconds = medians(
        {
            "PEFT, a user after another": lambda: peft(by_user_),
            "bank, mixed batches": lambda: [net.generate(batch, settings) for batch in together],
        },
        runs,
    )
    show(f"{number} questions for {users} users; {same} of {min(len(alone), len(mixed))} answers equal", seconds)
    began = time.perf_counter()
    peft(singles)
    rate = (time.perf_counter() - began) / len(singles)
    print(f"  PEFT, one question at a time: {rate * len(asked):.1f} s for all, from {len(singles)} of them")


def medians(ways: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Seconds of each way in turn, `runs` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(runs + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if run:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(title: str, seconds: dict[str, float]) -> None:
    """A line a way, with its ratio to the first."""
    print(title)
    first = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"  {name:28s}{value:9.3f} s{first / value:8.2f}x")


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=["all", "training", "questions"], default="all")
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--questions", type=int, default=70)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    print(f"T5 of width {given.width}, {torch.get_num_threads()} threads, medians of {given.runs}, {given.device}")
    if given.case in ("all", "training"):
        training(given.users, given.runs, given.width, given.device)
    if given.case in ("all", "questions"):
        questions(given.users, given.runs, given.width, given.device, given.questions)


if __name__ == "__main__":
    main()
