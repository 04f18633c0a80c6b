"""Tokenise-and-cache of ConvAI2's validation file: first and second opening.

python experiments/benchmarks/tokenise.py DATA_FOLDER GPT2_TOKENIZER_FOLDER
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from transformers import AutoTokenizer

from zoo.data.corpora import ConvAI2Corpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.template import DialogueTemplate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with valid_self_original_no_cands.txt")
    parser.add_argument("tokenizer", type=Path, help="folder with GPT-2's vocab.json and merges.txt")
    parser.add_argument("--runs", type=int, default=5, help="second openings to take the median of")
    options = parser.parse_args()
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(options.runs + 1):
            template = DialogueTemplate(AutoTokenizer.from_pretrained(options.tokenizer))
            started = time.perf_counter()
            data = DialogueDataModule(ConvAI2Corpus(options.data, download=False), template, cache_dir=cache)
            data.setup("validate")
            first = next(iter(data.val_dataloader()))
            seconds.append(time.perf_counter() - started)
        print(f"{len(data.table('valid')):,} examples, first batch of {len(first)}")
    print(f"first opening   {seconds[0]:6.2f} s")
    print(f"second opening  {statistics.median(seconds[1:]):6.2f} s (asked: under 1)")


if __name__ == "__main__":
    main()
