"""Streaming of reply pairs (`data=streamed`): pairs per second and peak memory, for a small and a large number of them.

    python experiments/benchmarks/streaming.py [--pairs 100000 1000000] [--tokenizer FOLDER]

Synthetic pairs with ragged lengths are written to shards lazily. Each number of pairs is then streamed once, through
the datamodule and up to padded batches, in a process of its own; its resident memory is the peak above what it had when
everything was imported and the first line not read. Without --tokenizer the demo's small byte-level one is used.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from transformers import AutoTokenizer

from zoo.data.corpora import JsonlCorpus
from zoo.data.demo_tokenizer import demo_tokenizer
from zoo.data.streamed import StreamedDataModule
from zoo.data.template import DialogueTemplate

MIB = 2**20
SHARDS = 8
WORDS = [
    *("i", "you", "we", "like", "love", "hate", "see", "have", "want", "cats", "dogs", "music", "books", "bread"),
    *("to", "and", "but", "with", "the", "a", "my", "your", "old", "new", "small", "red", "today", "often", ",", "."),
]


def lines(pairs: int, seed: int) -> Iterator[str]:
    """Reply pairs of up to 30 words a side, with a user and a partial profile, one after another."""
    draw = random.Random(seed)
    for _ in range(pairs):
        said, reply = (" ".join(draw.choices(WORDS, k=draw.randint(2, 30))) for _ in range(2))
        partner, user = ({"user": f"u{draw.randrange(10_000)}", "profile": {"age": "30s"}} for _ in range(2))
        utterances = [{"speaker": 0, "text": said}, {"speaker": 1, "text": reply}]
        yield json.dumps({"speakers": [partner, user], "utterances": utterances}) + "\n"


def write(folder: Path, pairs: int) -> int:
    """`pairs` in shards of equal size; returns their bytes."""
    for shard in range(SHARDS):
        with (folder / f"train-{shard}.jsonl").open("w") as file:
            file.writelines(lines(pairs // SHARDS, seed=shard))
    return sum(path.stat().st_size for path in folder.glob("train-*"))


def peak() -> int:
    """Most resident memory of this process so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def stream(folder: Path, tokenizer: Path, buffer_size: int) -> tuple[int, float, float, int, int]:
    """One epoch: pairs seen, seconds of wall and processor, peak memory above the start and in all, in bytes."""
    template = DialogueTemplate(AutoTokenizer.from_pretrained(tokenizer))
    data = StreamedDataModule(
        JsonlCorpus(folder), template, str(folder / "train-*"), buffer_size=buffer_size, batch_size=64
    )
    loader = data.train_dataloader()
    before, started, worked, pairs = peak(), time.perf_counter(), time.process_time(), 0
    for batch in loader:
        loader.used()
        pairs += len(batch)
    return pairs, time.perf_counter() - started, time.process_time() - worked, peak() - before, peak()


def main() -> None:
    """Measure each case in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000], help="how many, case by case")
    parser.add_argument("--tokenizer", type=Path, help="folder of a fast tokenizer")
    parser.add_argument("--buffer-size", type=int, default=16_384, help="data.buffer_size")
    options = parser.parse_args()
    print(
        f"{'pairs':>12s}{'shards, MiB':>13s}{'pairs a second':>16s}{'a processor second':>20s}"
        f"{'peak above start, MiB':>23s}{'peak, MiB':>11s}"
    )
    for count in options.pairs:
        with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(1) as pool:
            size = write(Path(folder), count)
            if (tokenizer := options.tokenizer) is None:
                demo_tokenizer(tokenizer := Path(folder) / "tokenizer")
            pairs, seconds, worked, above, whole = pool.apply(stream, (Path(folder), tokenizer, options.buffer_size))
        print(
            f"{pairs:12,d}{size / MIB:13.0f}{pairs / seconds:16,.0f}{pairs / worked:20,.0f}"
            f"{above / MIB:23.1f}{whole / MIB:11.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
