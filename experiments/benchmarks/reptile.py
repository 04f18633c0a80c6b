"""PPReptile's outer step: inner loops as rows of one batch against one after another.

    python experiments/benchmarks/reptile.py [--runs 5] [--steps 3] [--width 128]

Both ways are `zoo.users.reptile.Reptile` (4 users, 5 inner steps of 2 examples, as the paper) on the embedded
dialogues, in turn, from the same parameters; what they arrive at is compared first.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

CONF = Path(__file__).resolve().parents[2] / "conf"
KINDS = {
    "prefix": ["model=prefix_tuning"],
    "prefix, reparametrised": ["model=prefix_tuning", "model.net.reparametrised=true"],
    "LoRA": ["model=lora"],
}


def main() -> None:
    """Print a row for every kind of adapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="outer steps of one measurement")
    parser.add_argument("--width", type=int, default=128)
    options = parser.parse_args()
    print(
        f"outer steps of PPReptile, width {options.width}, {torch.get_num_threads()} threads, medians of {options.runs}"
    )
    print(f"{'':24s}{'one by one':>12s}{'as rows':>12s}{'ratio':>8s}{'asked':>8s}")
    for kind, overrides in KINDS.items():
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("config", [
                *overrides, "data=demo_users", "users=one", "learner=reptile", "backbone=tiny", "backbone.depth=4",
                f"backbone.width={options.width}", "backbone.heads=4", "run_dir=unused", "learner.epochs=100000",
            ])  # fmt: skip
        torch.manual_seed(0)
        module, data = instantiate(cfg.model), instantiate(cfg.data.datamodule)
        data.setup("fit")
        net, learner = module.net, module.learner
        learner.begin(data.users, data.table("train"), data.table("valid"))
        optimizer, start = learner.optimizer(net), net.bank.snapshot(0)
        seconds: dict[bool, list[float]] = {True: [], False: []}
        found = {}
        for run in range(options.runs + 1):  # the first warms up
            for one_by_one in (True, False):
                learner.one_by_one, learner.steps = one_by_one, 0
                net.bank.restore(0, start)
                optimizer.forget(0)
                began = time.perf_counter()
                for _ in range(options.steps):
                    learner.step(net, optimizer.step, optimizer.forget)
                if run:
                    seconds[one_by_one].append(time.perf_counter() - began)
                found[one_by_one] = net.bank.snapshot(0)
        difference = max(float((found[True][name] - found[False][name]).abs().max()) for name in start)
        assert difference < 1e-3, difference
        slow, fast = (statistics.median(seconds[way]) / options.steps for way in (True, False))
        print(f"{kind:24s}{slow:10.3f} s{fast:10.3f} s{slow / fast:8.2f}{1.5:8.2f}")


if __name__ == "__main__":
    main()
