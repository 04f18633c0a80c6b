"""What the PAA study costs: training against a usual encoder-decoder, decoding with a cache, ranking candidates.

    python experiments/benchmarks/paa_study.py CONVAI2_FOLDER GPT2_TOKENIZER_FOLDER [--case all] [--runs 3]

Training: a step of PAA (forward, backward, Adam) against transformers' `EncoderDecoderModel` of BertGeneration parts
with as many weights beside the token tables, on the same examples; the ratio is of tokens a second, persona, context and response counted
once. Decoding: greedy replies with the self-attention's cache and without; both compute encoders and cross-attention
keys once. Ranking: 20 candidates of an example side by side behind one prompt, against twenty full passes; scores are
compared first. Networks have random weights; ways take turns, the table has medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    BertGenerationConfig,
    BertGenerationDecoder,
    BertGenerationEncoder,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
)

from zoo.backbones import Backbone, dialogue_tokenizer
from zoo.data.batch import DialogueBatch, collate
from zoo.data.convai2 import read_convai2
from zoo.data.examples import examples_from_dialogues
from zoo.data.records import DialogueExample
from zoo.data.template import ADDED_TOKENS, DialogueTemplate
from zoo.learners import Supervised
from zoo.memory import keep_freed_memory
from zoo.models.paa import PAA
from zoo.ranking import candidate_scores


def median_seconds(ways: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Each way in turn, `runs` times after a turn to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def bert_generation(like: PAA, encoder_layers: int) -> EncoderDecoderModel:
    """Of the same width and heads: both encoders' layers in one, and decoder layers for the rest of PAA's weights."""
    width, vocab_size = like.lm.config.hidden_size, like.lm.config.vocab_size
    shape = {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "num_attention_heads": like.lm.config.num_attention_heads,
        "intermediate_size": 4 * width,
        "pad_token_id": like.lm.config.pad_token_id,
    }
    inside = sum(p.numel() for name, p in like.lm.named_parameters() if "wte" not in name and "word_emb" not in name)
    layers = round((inside - 2 * encoder_layers * 12 * width**2) / (16 * width**2))
    encoder = BertGenerationConfig(**shape, num_hidden_layers=2 * encoder_layers)
    decoder = BertGenerationConfig(**shape, num_hidden_layers=layers, is_decoder=True, add_cross_attention=True)
    model = EncoderDecoderModel(
        EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder, pad_token_id=shape["pad_token_id"]),
        encoder=BertGenerationEncoder(encoder),
        decoder=BertGenerationDecoder(decoder),
    )
    model.config.decoder_start_token_id = like.bos_token_id
    return model.train()


def training(model: PAA, batch: DialogueBatch, encoder_layers: int, runs: int) -> None:
    """A step of each."""
    other = bert_generation(model, encoder_layers)
    learner, ids, mask = Supervised(), *batch.join("persona", "context")
    labels = batch.response.masked_fill(~batch.response_mask, -100)
    ours, theirs = (torch.optim.Adam(m.parameters(), lr=1e-5, fused=True) for m in (model, other))

    def step(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]) -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    model.train()
    seconds = median_seconds(
        {
            "BertGeneration": lambda: step(
                theirs, lambda: other(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
            ),
            "PAA": lambda: step(ours, lambda: learner(model, batch)),
        },
        runs,
    )
    tokens = int(sum(m.sum() for m in (batch.persona_mask, batch.context_mask, batch.response_mask)))
    sizes = {"BertGeneration": other, "PAA": model}
    print(f"a training step of {len(batch)} examples, {tokens} tokens")
    for name, value in seconds.items():
        size = sum(p.numel() for p in sizes[name].parameters()) / 1e6
        print(f"  {name:28s}{size:7.1f} M{value:9.2f} s{tokens / value:9.0f} tokens/s", end="")
        print(f"{seconds['BertGeneration'] / value:8.2f}x")


def decoding(model: PAA, batches: list[DialogueBatch], runs: int) -> None:
    """All replies, cached and not."""
    decoded = {}

    def replies(use_cache: bool) -> None:
        config = GenerationConfig(
            max_new_tokens=64, use_cache=use_cache, pad_token_id=model.lm.config.pad_token_id,
            eos_token_id=model.lm.config.eos_token_id,
        )  # fmt: skip
        decoded[use_cache] = [model.generate(batch, config) for batch in batches]

    model.eval()
    seconds = median_seconds({"without": lambda: replies(False), "with": lambda: replies(True)}, runs)
    same = sum((a == b).all(1).sum().item() for a, b in zip(decoded[True], decoded[False], strict=True))
    number = sum(map(len, batches))
    print(f"greedy decoding of {number} replies, at most 64 tokens; {same} equal")
    for name, value in seconds.items():
        print(f"  {name + ' a cache':45s}{value:9.2f} s{seconds['without'] / value:17.2f}x")


def ranking(model: PAA, batches: list[DialogueBatch], runs: int) -> None:
    """All candidates, side by side and one by one."""
    scores = {}

    def rank(together: bool) -> None:
        scores[together] = [
            score
            for batch in batches
            for row in candidate_scores(model, batch, "likelihood_per_token", together=together)
            for score in row
        ]

    model.eval()
    seconds = median_seconds({"one by one": lambda: rank(False), "side by side": lambda: rank(True)}, runs)
    apart = max(abs(a - b) for a, b in zip(scores[True], scores[False], strict=True))
    print(f"ranking {len(scores[True])} candidates of {sum(map(len, batches))} examples, scores agree to {apart:.0e}")
    for name, value in seconds.items():
        print(f"  {name:45s}{value:9.2f} s{seconds['one by one'] / value:17.2f}x")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with valid_self_original.txt.gz")
    parser.add_argument("tokenizer", type=Path, help="folder of GPT-2's tokenizer")
    parser.add_argument("--case", choices=["all", "training", "decoding", "ranking"], default="all")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--encoder-layers", type=int, default=4)
    options = parser.parse_args()
    keep_freed_memory()
    shape = {"model_type": "gpt2", "n_embd": options.width, "n_layer": options.layers, "n_head": 4}
    backbone = Backbone("gpt2", pretrained=False, tokenizer_path=str(options.tokenizer), architecture=shape)
    template = DialogueTemplate(dialogue_tokenizer(backbone, ADDED_TOKENS))
    torch.manual_seed(0)
    model = PAA(backbone, template.tokenizer, encoder_layers=options.encoder_layers)
    examples = examples_from_dialogues(read_convai2(options.data / "valid_self_original.txt.gz"))
    torch.manual_seed(0)
    examples = [examples[i] for i in torch.randperm(len(examples))[:256].tolist()]

    def batched(some: list[DialogueExample]) -> DialogueBatch:
        gold = [example.candidates.index(example.response) for example in some]
        return collate(template.encode_all(some), pad_id=template.pad_id, gold=gold)

    batches = [batched(examples[start : start + 32]) for start in range(0, 256, 32)]
    print(
        f"width {options.width}, {options.layers} layers, {torch.get_num_threads()} threads, medians of {options.runs}"
    )
    if options.case in ("all", "training"):
        training(model, batches[0], options.encoder_layers, options.runs)
    if options.case in ("all", "ranking"):
        ranking(model, batches[:2], options.runs)
    if options.case in ("all", "decoding"):
        decoding(model, batches, 1)


if __name__ == "__main__":
    main()
