"""PPReptile's outer step: inner loops as rows of one batch against one after another, by PEFT and by ourselves.

    python experiments/benchmarks/reptile.py [--runs 5] [--steps 3] [--width 128]

4 users, 5 inner steps of 2 examples, as the paper, on the embedded dialogues. "PEFT" is the usual way: a model with one
adapter, theta copied into it for every user, torch's SGD, logits of all positions as its forward gives them. The other
two are `zoo.users.reptile.Reptile`. The ways take turns from the same parameters; where they arrive is compared first.
"""

import argparse
import copy
import statistics
import time
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from peft import LoraConfig, PeftConfig, PeftModel, PrefixTuningConfig, get_peft_model
from torch import Tensor

from zoo.models.adapted import AdaptedModel
from zoo.users.reptile import Reptile

CONF = Path(__file__).resolve().parents[2] / "conf"
KINDS = {
    "prefix": ["model=prefix_tuning"],
    "prefix, reparametrised": ["model=prefix_tuning", "model.net.reparametrised=true"],
    "LoRA": ["model=lora"],
}


def peft_step(net: AdaptedModel, learner: Reptile, model: PeftModel) -> list[Tensor]:
    """The mean way of the coming step's users from theta, one after another; tensors in PEFT's order."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    theta = [p.detach().clone() for p in parameters]
    ways = [torch.zeros_like(p) for p in parameters]
    drawn = learner.drawn()
    for batches in drawn:
        with torch.no_grad():
            for p, start in zip(parameters, theta, strict=True):
                p.copy_(start)
        optimizer = torch.optim.SGD(parameters, lr=learner.inner_lr)
        for rows in batches:
            batch = learner.train.__getitems__(rows.tolist())
            ids, mask = net.text(batch)  # [B, C]
            joined = torch.cat([ids, batch.response], dim=1)
            labels = joined.masked_fill(~torch.cat([torch.zeros_like(mask), batch.response_mask], dim=1).bool(), -100)
            attended = torch.cat([mask, batch.response_mask], dim=1).long()
            own = {} if model.active_peft_config.is_prompt_learning else {"position_ids": net.position_ids(attended)}
            model(input_ids=joined, attention_mask=attended, labels=labels, **own).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        for way, p, start in zip(ways, parameters, theta, strict=True):
            way += (p.detach() - start) / len(drawn)
    with torch.no_grad():
        for p, start in zip(parameters, theta, strict=True):
            p.copy_(start)
    return ways


def peft_model(kind: str, net: AdaptedModel) -> PeftModel:
    """PEFT's model with one adapter, at theta where PEFT can take it (not through an MLP)."""
    config: PeftConfig
    if kind == "LoRA":
        bank = net.bank
        config = LoraConfig(task_type="CAUSAL_LM", r=bank.rank, lora_alpha=bank.alpha, target_modules=["c_attn"],
                            fan_in_fan_out=True)  # fmt: skip
    else:
        through_mlp = kind != "prefix"
        config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=net.bank.num_virtual_tokens,
                                    prefix_projection=through_mlp, encoder_hidden_size=512)  # fmt: skip
    model = get_peft_model(copy.deepcopy(net.lm), config).eval()
    if kind != "prefix, reparametrised":
        tensors = net.adapter().tensors
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                key = "prompt_embeddings" if kind == "prefix" else name.replace(".default", "")
                parameter.data.copy_(tensors[key])
    return model


def measure(kind: str, overrides: list[str], runs: int, steps: int, width: int) -> None:
    """Print a row of the table."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [
            *overrides, "data=demo_users", "users=one", "learner=reptile", "backbone=tiny", "backbone.depth=4",
            f"backbone.width={width}", "backbone.heads=4", "run_dir=unused", "learner.epochs=100000",
        ])  # fmt: skip
    torch.manual_seed(0)
    module, data = instantiate(cfg.model), instantiate(cfg.data.datamodule)
    data.setup("fit")
    net, learner = module.net, module.learner
    learner.begin(data.users, data.table("train"), data.table("valid"))
    optimizer, start, model = learner.optimizer(net), net.bank.snapshot(0), peft_model(kind, net)

    def ours(one_by_one: bool) -> None:
        learner.one_by_one, learner.steps = one_by_one, 0
        net.bank.restore(0, start)
        optimizer.forget(0)
        for _ in range(steps):
            learner.step(net, optimizer.step, optimizer.forget)

    def theirs() -> None:
        for learner.steps in range(steps):
            peft_step(net, learner, model)

    if kind != "prefix, reparametrised":
        alpha, learner.inner_lr = learner.inner_lr, 1e-2  # at 1e-4 PEFT's W - theta has lost digits in float32
        moves = learner._moved(net)[0], peft_step(net, learner, model)
        norms = [float(torch.cat([way.flatten() for way in moved]).norm()) for moved in moves]
        assert abs(norms[0] / norms[1] - 1) < 5e-2, norms  # pads take positions under PEFT
        learner.inner_lr = alpha
    ways = {"PEFT": theirs, "one by one": lambda: ours(True), "as rows": lambda: ours(False)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for run in range(runs + 1):  # the first warms up
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if run:
                seconds[name].append((time.perf_counter() - began) / steps)
            found[name] = net.bank.snapshot(0)
    difference = max(float((found["one by one"][name] - found["as rows"][name]).abs().max()) for name in start)
    assert difference < 1e-3, difference
    peft, slow, fast = (statistics.median(values) for values in seconds.values())
    print(f"{kind:24s}{peft:8.3f} s{slow:10.3f} s{fast:8.3f} s{peft / fast:9.2f}{slow / fast:15.2f}")


def main() -> None:
    """Print a row for every kind of adapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="outer steps of one measurement")
    parser.add_argument("--width", type=int, default=128)
    given = parser.parse_args()
    print(f"outer steps of PPReptile, width {given.width}, {torch.get_num_threads()} threads, medians of {given.runs}")
    print(f"{'':24s}{'PEFT':>10s}{'one by one':>12s}{'as rows':>10s}{'to PEFT':>9s}{'to one by one':>15s}")
    for kind, overrides in KINDS.items():
        measure(kind, overrides, given.runs, given.steps, given.width)


if __name__ == "__main__":
    main()
