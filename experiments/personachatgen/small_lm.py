"""A small Llama that writes what another language model wrote: for the transformers back-end, without a download.

    python -m zoo.synthesis sentences.prompt.shots=0 dialogues.prompt.shots=0 answers=ANSWERS ...
    python experiments/personachatgen/small_lm.py ANSWERS FOLDER --minutes 18
    python -m zoo.synthesis language_model=transformers language_model.path=FOLDER ...

ANSWERS is the cache of a finished synthesis; its prompts and answers are the text to train on. Prompts without a
demonstration keep it short. The tokenizer, a byte-level BPE, is trained on the same text. Positions are rotary: a value
has to be copied into its brackets, which a GPT-2 of this size, with learned positions, had not begun to do after 1.3
million tokens.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Tokenizer, LlamaConfig, LlamaForCausalLM

from zoo.errors import UserError
from zoo.language_models.cache import FILE

END = "<|endoftext|>"
JITTER = 24  # tokens: rows of similar lengths are in one batch, other ones in every epoch
WARM_UP, PRINT_EVERY = 50, 100  # steps


def texts_of(answers: Path) -> list[str]:
    """Prompt and answer of every row; a dialogue once for each speaker: prompts that a later one goes on with are it.

    Raises:
        UserError: no cache there, or nothing in it.
    """
    file = answers / FILE
    if not file.is_file():
        raise UserError(f"There is no {file}; expected the folder that a synthesis was given as answers=FOLDER.")
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT request, answer FROM answers").fetchall()
    texts = sorted({json.loads(request)["prompt"] + json.loads(answer) for request, answer in rows})
    if not texts:
        raise UserError(f"{file} has no answers; run a synthesis with this answers=FOLDER first.")
    return [text for text, after in zip(texts, [*texts[1:], ""], strict=True) if not after.startswith(text)]


def trained_tokenizer(texts: Sequence[str], vocabulary: int) -> GPT2Tokenizer:
    """A byte-level BPE of at most `vocabulary` pieces: no text has an unknown one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
        ),
    )
    return GPT2Tokenizer(tokenizer_object=tokenizer, unk_token=END, bos_token=END, eos_token=END)


def batches(rows: Sequence[list[int]], tokens: int, seed: int) -> Iterator[torch.Tensor]:
    """Ids [B, T] of at most `tokens` numbers (or one row), -1 after a row's end; epoch after epoch, for ever."""
    draw = random.Random(seed)
    while True:
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]) + draw.random() * JITTER)
        groups: list[list[list[int]]] = [[]]
        for row in order:
            longest = max(len(rows[row]), *map(len, groups[-1]), 0)
            if groups[-1] and longest * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(rows[row])
        draw.shuffle(groups)
        for group in groups:
            longest = max(map(len, group))
            yield torch.tensor([row + [-1] * (longest - len(row)) for row in group])


def train(model: LlamaForCausalLM, rows: Sequence[list[int]], options: argparse.Namespace) -> None:
    """AdamW; the rate falls to 0 where `steps` or `minutes` end. Loss on every token, prompts included: personas too
    are what the model has to write elsewhere.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.01)
    model.train()
    started, seen, losses = time.monotonic(), 0, list[float]()
    for step, ids in enumerate(batches(rows, options.batch_tokens, options.seed)):
        passed = time.monotonic() - started
        done = step / options.steps if options.steps else passed / (60 * options.minutes)
        if step and (done >= 1 or step % PRINT_EVERY == 0):
            mean = sum(losses[-PRINT_EVERY:]) / len(losses[-PRINT_EVERY:])
            print(f"{passed:6.0f} s  step {step:6,}  {seen:10,} tokens  loss {mean:.3f}", flush=True)
        if done >= 1:
            return
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1.0, (step + 1) / WARM_UP) * (1 - done)
        logits = model(input_ids=ids.clamp(min=0)).logits[:, :-1]  # [B, T - 1, V]; ends of rows see no pads
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += int((ids >= 0).sum())
        losses.append(loss.item())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save; the folder is whole or not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--steps", type=int, help="instead of minutes: the same steps give the same model")
    for name, number in {"vocabulary": 3072, "width": 128, "layers": 4, "heads": 4, "positions": 1024}.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--batch-tokens", type=int, default=1024)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=36)
    parser.add_argument("--threads", type=int, default=1, help="on a busy machine, one is faster than two")
    options = parser.parse_args(arguments)
    if options.folder.exists():
        parser.error(f"{options.folder} is there already; name another folder.")
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    texts = texts_of(options.answers)
    tokenizer = trained_tokenizer(texts, options.vocabulary)
    fits = options.positions - 1  # and the end
    rows = [[*tokenizer(text)["input_ids"][:fits], tokenizer.eos_token_id] for text in texts]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.width,
        intermediate_size=3 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        max_position_embeddings=options.positions,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(rows):,} texts of {sum(map(len, rows)):,} tokens, the longest {max(map(len, rows))}", flush=True)
    print(f"{parameters:,} parameters, {len(tokenizer):,} pieces", flush=True)
    train(model, rows, options)
    beside = options.folder.with_name(f".{options.folder.name}.{os.getpid()}.tmp")
    try:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        os.replace(beside, options.folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    print(f"saved: {options.folder}")


if __name__ == "__main__":
    main()
