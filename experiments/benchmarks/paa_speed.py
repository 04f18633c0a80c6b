"""PAA at GPT-2 small's shape: decoding and training step, against the same network computed as the release does.

    python experiments/benchmarks/paa_speed.py [--runs 3] [--case all] [--layers 12] [--width 768]

The release's way, re-stated from its description: attention written out as softmax(Q K^T) with a full bias buffer in
all layers, the two masks made by a loop over the batch in every layer, the head on all positions, and decoding by a
full forward for every token, without a cache. Both ways share weights, and their logits are compared first. Runs of
the two ways take turns; the table has the median of each and the ratio of medians.

Training steps of the two ways run in processes of their own, because ours keeps freed memory (`zoo.memory`, as `run.py`
does) and the release's does not. A turn is three steps in a row, as training is, and the last two count. The two
processes together need 12 GiB at the full size.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationConfig

from zoo.data.batch import DialogueBatch
from zoo.memory import keep_freed_memory
from zoo.models.fusion import Fusion
from zoo.models.paa import PAA
from zoo.models.paa_blocks import PAAConfig, SourceAttention
from zoo.models.paa_network import PAAForDialogue
from zoo.models.tokens_only import TokensOnly

B, P, U, R, V = 8, 48, 96, 16, 50265
NEW_TOKENS = 32
PAD, BOS, EOS = 50264, 50262, 50263


class AttentionWrittenOut(SourceAttention):
    """The same cross-attention as softmax(Q K^T + mask) V."""

    def forward(self, x: Tensor, kv: Tensor, mask: Tensor, tokens: TokensOnly) -> Tensor:
        """As in the base class, on every position."""
        B, T, D = x.shape
        query = self.q_attn(x).view(B, T, self.num_heads, self.head_dim).transpose(1, 2)
        weights = torch.matmul(query, kv[:, 0].transpose(-1, -2)) * self.scaling
        weights = weights + (1.0 - mask[:, None, None, :].to(weights.dtype)) * -1e9
        weights = self.attn_dropout(torch.softmax(weights, dim=-1))
        read = torch.matmul(weights, kv[:, 1])
        return self.resid_dropout(self.c_proj(read.transpose(1, 2).reshape(B, T, D)))


class MasksByLoop(Fusion):
    """The same fusion with each example's masks made in a Python loop."""

    def forward(self, h: Tensor, o_p: Tensor, o_u: Tensor, tau: Tensor, normed: object = None) -> Tensor:
        """As in the base class, for fusion=paa."""
        w = self.persona_gate(h, o_p)
        mask_p, mask_u = torch.zeros_like(w), torch.zeros_like(w)
        for b in range(w.size(0)):
            mask_p[b] = torch.where(w[b] > tau[b], 1.0, 0.0)
            mask_u[b] = torch.where(w[b] < 1 - tau[b], 1.0, 0.0)
        return w * mask_p * o_p + (1 - w) * mask_u * o_u


def build(width: int, layers: int) -> tuple[PAA, PAA]:
    """Our way and the release's way, with the same weights."""
    config = PAAConfig(
        vocab_size=V, n_embd=width, n_layer=layers, n_head=12, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS
    )
    torch.manual_seed(0)
    ours, theirs = (object.__new__(PAA) for _ in range(2))
    for model, attention in ((ours, "sdpa"), (theirs, "eager")):
        torch.nn.Module.__init__(model)
        model.persona_prompt, model.decoder_positions, model.bos_token_id = True, "mask", BOS
        config._attn_implementation = attention
        model.lm = PAAForDialogue(config)
        if attention == "eager":
            model.lm.transformer.skips_pads = False
            for block in model.lm.transformer.h:
                block.persona_attention.__class__ = block.context_attention.__class__ = AttentionWrittenOut
                block.fusion.__class__ = MasksByLoop
    theirs.lm.load_state_dict(ours.lm.state_dict())
    return ours, theirs


def use_fused_activation(model: PAA) -> None:
    """As `Backbone.load` does; not before logits are compared, as masks turn rounding into jumps."""
    for block in model.lm.transformer.h:
        block.mlp.act = torch.nn.GELU(approximate="tanh")


def ragged_batch() -> DialogueBatch:
    """Random ids; lengths vary, the longest row of each segment has the full length."""
    torch.manual_seed(1)
    segments: dict[str, Tensor] = {}
    for name, longest in (("persona", P), ("context", U), ("response", R)):
        lengths = torch.linspace(longest // 2, longest, B).long()
        mask = torch.arange(longest) < lengths[:, None]
        segments[name] = torch.randint(0, 50000, (B, longest)).masked_fill(~mask, PAD)
        segments[f"{name}_mask"] = mask
    return DialogueBatch(**segments, user=torch.zeros(B).long(), example_id=torch.arange(B), pad_id=PAD)


def all_logits(model: PAA, batch: DialogueBatch, response: Tensor, response_mask: Tensor) -> Tensor:
    """The release's forward: logits of every decoder position, [B, P + 1 + R, V]."""
    given = model.condition(batch)
    mask = torch.cat([given.pop("attention_mask"), response_mask], 1)
    ids = torch.cat([given.pop("input_ids"), response], 1)
    return model.lm(
        input_ids=ids, attention_mask=mask.long(), position_ids=model.position_ids(mask), use_cache=False, **given
    ).logits


def decode_as_released(model: PAA, batch: DialogueBatch, tokens: int = NEW_TOKENS) -> Tensor:
    """Greedy, one full forward a token, head on all positions."""
    response = batch.response.new_zeros(B, 0)
    with torch.no_grad():
        for _ in range(tokens):
            logits = all_logits(model, batch, response, torch.ones_like(response, dtype=torch.bool))
            response = torch.cat([response, logits[:, -1].argmax(-1, keepdim=True)], 1)
    return response


def decode(model: PAA, batch: DialogueBatch, tokens: int = NEW_TOKENS) -> Tensor:
    """Greedy through generate(): cached self-attention, cross-attention keys and values computed once."""
    return model.generate(batch, GenerationConfig(max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=PAD))


def train(model: PAA, batch: DialogueBatch, bf16: bool = False) -> float:
    """Forward and backward, head on the response's tokens only."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(batch)
        loss = F.cross_entropy(logits.float(), batch.response[batch.response_mask])
    loss.backward()
    model.zero_grad(set_to_none=True)
    return loss.item()


def train_as_released(model: PAA, batch: DialogueBatch) -> float:
    """Forward and backward, head on all positions, the prompt's sliced away afterwards."""
    logits = all_logits(model, batch, batch.response, batch.response_mask)
    kept = logits[:, -R - 1 : -1].reshape(-1, V)
    target = batch.response.masked_fill(~batch.response_mask, -100).reshape(-1)
    loss = F.cross_entropy(kept, target, ignore_index=-100)
    loss.backward()
    model.zero_grad(set_to_none=True)
    return loss.item()


def steps_on_request(who: str, width: int, layers: int, pipe: Connection) -> None:
    """A process that takes one training step whenever it receives a way's name, and answers when it is done."""
    if who != "release":
        keep_freed_memory()
    ours, theirs = build(width, layers)
    use_fused_activation(ours)
    model, batch = (theirs if who == "release" else ours).train(), ragged_batch()
    del ours, theirs
    while True:
        way = pipe.recv()
        pipe.send(
            train_as_released(model, batch) if who == "release" else train(model, batch, bf16=way.endswith("bf16"))
        )


def train_median_seconds(width: int, layers: int, runs: int) -> dict[str, float]:
    """Training steps of every way, each in its process, taking turns."""
    context = multiprocessing.get_context("spawn")
    ways, processes = {}, []
    for names in (["release"], ["ours fp32", "ours bf16"]):
        if names[0] != "release":
            keep_freed_memory()  # here too: a new process has the environment before it loads torch
        here, there = context.Pipe()
        processes.append(context.Process(target=steps_on_request, args=(names[0], width, layers, there)))
        processes[-1].start()
        there.close()  # only the process holds it: where that dies, `recv` ends instead of waiting
        for name in names:
            ways[name] = lambda name=name, pipe=here: (pipe.send(name), pipe.recv())
    try:
        return median_seconds(ways, runs, in_a_row=3)
    finally:
        for process in processes:
            process.terminate()


def median_seconds(ways: dict[str, Callable[[], object]], runs: int, in_a_row: int = 1) -> dict[str, float]:
    """Each way in turn, `runs` times after a turn to warm up; of several in a row the first is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            for repetition in range(in_a_row):
                started = time.perf_counter()
                way()
                if turn and (repetition or in_a_row == 1):
                    seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(width: int) -> None:
    """See that both ways give the same, at two layers; in float64, as rounding moves a gate over its threshold."""
    (ours, theirs), batch = build(width, layers=2), ragged_batch()
    ours.eval().double(), theirs.eval().double()
    with torch.no_grad():
        expected = all_logits(theirs, batch, batch.response, batch.response_mask)[:, -R - 1 : -1][batch.response_mask]
        difference = (ours(batch) - expected).abs().max().item()
    print(f"largest difference of logits between the two ways: {difference:.1e}")
    assert difference < 1e-9
    assert decode(ours, batch, 4).tolist() == decode_as_released(theirs, batch, 4).tolist()


def main() -> None:
    """Check that both ways agree, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each way")
    parser.add_argument("--case", choices=["all", "decoding", "training"], default="all")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    options = parser.parse_args()
    compare(options.width)
    cases = []
    if options.case != "training":
        (ours, theirs), batch = build(options.width, options.layers), ragged_batch()
        ours.eval(), theirs.eval(), use_fused_activation(ours)
        seconds = median_seconds(
            {"release": lambda: decode_as_released(theirs, batch), "ours": lambda: decode(ours, batch)}, options.runs
        )
        cases.append((f"decoding {NEW_TOKENS} tokens", seconds, {"ours": 6.0}))
    if options.case != "decoding":
        seconds = train_median_seconds(options.width, options.layers, options.runs)
        cases.append(("training step", seconds, {"ours fp32": 1.25, "ours bf16": 2.5}))
    print(f"batch {B}, {P} persona, {U} context, {R} response tokens, {torch.get_num_threads()} threads, medians of "
          f"{options.runs}")  # fmt: skip
    print(f"{'':38s}{'seconds':>10s}{'ratio':>8s}{'asked':>8s}")
    for title, seconds, asked in cases:
        for name, value in seconds.items():
            target = f"{asked[name]:8.2f}" if name in asked else ""
            print(f"{title + ', ' + name:38s}{value:10.2f}{seconds['release'] / value:8.2f}{target}")


if __name__ == "__main__":
    main()
