"""What the processes do that tests kill. Imports little: a server process does so once and forks them."""

import os
import random
import signal
import sys
from pathlib import Path

import torch

from zoo.adapters.adapter import PROMPT, Adapter, prompt_config
from zoo.adapters.peft_folder import write_peft_folder
from zoo.adapters.store import AdapterStore

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}  # audit events


def constant(value: float, tokens: int = 2) -> Adapter:
    """A prompt whose numbers and settings all tell which version it is."""
    sizes = {"num_virtual_tokens": tokens, "token_dim": 8, "num_layers": 2, "num_attention_heads": 2}
    config = prompt_config(task_type="CAUSAL_LM", base_model=f"version {value:g}", revision=None, **sizes)
    return Adapter({PROMPT: torch.full((tokens, 8), float(value))}, config)


def die_before_change(number: int, action: str, *arguments: object) -> None:
    """Run an action of the store or the folder writer, and be killed just before its `number`-th change to the disk."""
    seen = 0

    def count(event: str, details: tuple[object, ...]) -> None:
        nonlocal seen
        if event in CHANGES:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if action == "write":
        write_peft_folder(*arguments)
    else:
        folder, *rest = arguments
        getattr(AdapterStore(folder), action)(*rest)


def save_for_ever(folder: Path, seed: int) -> None:
    store = AdapterStore(folder)
    draws = random.Random(seed)
    for number in range(1_000_000):
        store.save(draws.choice("abc"), constant(number, tokens=1 + number % 3))
