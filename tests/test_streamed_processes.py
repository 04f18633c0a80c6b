"""Streaming over real gloo processes: every pair on one of them, idle ones keep step, a resume on each."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.data.test_streamed import loader_of, numbers, write_shards
from tests.processes import functions
from zoo.backbones import Backbone, dialogue_tokenizer
from zoo.data.corpora import JsonlCorpus
from zoo.data.stream_loader import StreamLoader
from zoo.data.streamed import StreamedDataModule
from zoo.data.template import ADDED_TOKENS, DialogueTemplate

WORLD, STOP = 2, 3
UNEVEN = {"shards of their own": [40, 11], "every second line": [30, 0, 18], "one has nothing": [13, 0]}


def stream(rank: int, folder: Path) -> None:
    """Two epochs, and the same again from a state taken after STOP batches, written as numbers of pairs."""
    os.environ["OMP_NUM_THREADS"] = "1"
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=WORLD)
    tiny = Backbone("tiny", pretrained=False, tokenizer_path="demo")
    found: dict[str, Any] = {}
    for case in UNEVEN:
        template = DialogueTemplate(dialogue_tokenizer(tiny, ADDED_TOKENS))
        pattern = str(folder / case / "train-*")
        data = StreamedDataModule(JsonlCorpus(folder / case), template, pattern, batch_size=8, buffer_size=8)

        def make(data: StreamedDataModule = data) -> StreamLoader:
            return loader_of(data, rank=rank, world_size=WORLD)

        def handed_out(loader: StreamLoader, most: int = 100, data: StreamedDataModule = data) -> list[Any]:
            batches = []
            for _, batch in zip(range(most), loader, strict=False):
                loader.used()
                idle = batch.tokens_per_step == float("inf")
                tokens = int(batch.response_mask.sum())
                batches.append([[] if idle else numbers(data, batch), tokens, None if idle else batch.tokens_per_step])
            return batches

        whole, stopped, resumed = make(), make(), make()
        epochs = [handed_out(whole), handed_out(whole)]
        handed_out(stopped, STOP)
        resumed.load_state_dict(stopped.state_dict())
        found[case] = {"epochs": epochs, "resumed": handed_out(resumed)}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_see_every_pair_once_and_keep_step(tmp_path: Path, zoo_cache: Path) -> None:
    for case, sizes in UNEVEN.items():
        write_shards(tmp_path / case, sizes)
    mp.start_processes(stream, args=(tmp_path,), nprocs=WORLD, start_method=functions.get_start_method())
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(WORLD)]
    for case, sizes in UNEVEN.items():
        for epoch in range(2):
            own = [rank[case]["epochs"][epoch] for rank in ranks]
            assert len(own[0]) == len(own[1]), "every process takes part in every step"
            seen = [number for batches in own for numbers_, _, _ in batches for number in numbers_]
            assert sorted(seen) == list(range(sum(sizes))), case
            for step in zip(*own, strict=True):  # the divisor is the mean of the processes' tokens
                real = [part for part in step if part[0]]
                assert {part[2] for part in real} == {sum(part[1] for part in real) / WORLD}
        for rank in ranks:
            assert rank[case]["resumed"] == rank[case]["epochs"][0][STOP:]
    assert any(not part[0] for rank in ranks for part in rank["shards of their own"]["epochs"][0]), "nobody idled"
