"""PersonaChatGen's dialogues: many in flight against one at a time, and the memory of the filters.

    python experiments/benchmarks/synthetic_dialogues.py [--dialogues 32] [--turns 16] [--width 64]
    python experiments/benchmarks/synthetic_dialogues.py --case filters [--counts 1000 10000]

A GPT-2 with random weights (no pretrained one is needed to time it) talks through the `transformers` back-end, with the
paper's one-shot prompt, temperature, penalties and stop strings. One at a time is timed on some dialogues and scaled;
both ways must say the same there. The filters are run with the lexical scorers over dialogues that are made as they are
read, each number of them in a process of its own; memory is the peak above what was there after the first chunk.
"""

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from zoo.backbones import Backbone
from zoo.data.persona_lexicon import read_lexicon
from zoo.language_models.transformers_lm import TransformersLm
from zoo.scorers.lexical_contradiction import LexicalContradiction
from zoo.scorers.lexical_toxicity import LexicalToxicity
from zoo.synthesis.chat.chat_prompts import ChatPrompt
from zoo.synthesis.chat.dialogue_filters import Consistency, CopyPaste, Toxicity, filtered
from zoo.synthesis.chat.dialogues import DialogueWriter
from zoo.synthesis.chat.persona_pairs import draw_pairs
from zoo.synthesis.chat.replies import ReplyRules
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.records import PersonaSet, ProfileSentence, SyntheticDialogue
from zoo.synthesis.words import rude_words, slot_words

MIB = 2**20
SENTENCES = 5
LAYERS, HEADS, POSITIONS = 2, 4, 4096


def sentence(draw: random.Random) -> ProfileSentence:
    """Of any leaf of the lexicon."""
    leaf = draw.choice(list(read_lexicon().leaves.values()))
    value = draw.choice(leaf.values)
    return ProfileSentence(draw.choice(leaf.templates).format(value=value), leaf.leaf, leaf.key, value)


def persona_sets(n: int) -> list[PersonaSet]:
    """Drawn without CoNL: what they say does not matter here."""
    draw = random.Random(0)
    return [PersonaSet(str(k), tuple(sentence(draw) for _ in range(SENTENCES))) for k in range(n)]


def save_model(folder: Path, width: int) -> None:
    """A GPT-2 with the embedded byte-level tokenizer."""
    shape = {"model_type": "gpt2", "n_embd": width, "n_layer": LAYERS, "n_head": HEADS, "n_positions": POSITIONS}
    backbone = Backbone("small", pretrained=False, tokenizer_path="demo", architecture=shape)
    tokenizer = backbone.tokenizer()
    torch.manual_seed(0)
    backbone.load(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write(
    folder: Path, in_flight: int, shots: int, turns: int, tokens: int, n: int, all_pairs: int
) -> tuple[float, list[str]]:
    """Seconds for the first `n` of the pairs, and what was said."""
    pairs = draw_pairs(persona_sets(max(4, all_pairs // 2)), all_pairs, seed=0)[:n]
    model = TransformersLm(folder, batch_size=in_flight, device="cpu")
    settings = {"prompt": ChatPrompt(shots=shots), "in_flight": in_flight, "replies": ReplyRules(empty="keep")}
    list(DialogueWriter(turns=1, max_new_tokens=1, **settings).write(model, pairs[:1]))  # loads
    writer = DialogueWriter(turns=turns, max_new_tokens=tokens, **settings)
    started = time.perf_counter()
    said = ["\n".join(dialogue.utterances) for dialogue in writer.write(model, pairs)]
    return time.perf_counter() - started, said


def dialogues(n: int) -> Iterator[SyntheticDialogue]:
    """Random sentences as personas and as utterances, made as they are read."""
    draw = random.Random(0)
    for k in range(n):
        a, b, said = (tuple(sentence(draw).text for _ in range(lines)) for lines in (SENTENCES, SENTENCES, 16))
        yield SyntheticDialogue(str(k), (a, b), said)


def filter_them(n: int) -> tuple[int, float, float]:
    """How many are left of `n`, seconds, and the peak of memory above that after the first chunk, in bytes."""
    funnel = Funnel("raw")
    scorers = LexicalContradiction(slot_words()), LexicalToxicity(rude_words())
    filters = (CopyPaste(), Consistency(scorers[0]), Toxicity(scorers[1]))
    stream = filtered(dialogues(n), filters, funnel)
    left = int(next(stream, None) is not None)
    before, started = _peak(), time.perf_counter()
    left += sum(1 for _ in stream)
    return left, time.perf_counter() - started, _peak() - before


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=["writing", "filters"], default="writing")
    parser.add_argument("--dialogues", type=int, default=32, help="in flight together")
    parser.add_argument("--alone", type=int, default=4, help="of them, written one at a time")
    parser.add_argument("--shots", type=int, default=1)
    parser.add_argument("--turns", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=24, help="of an utterance; the paper's 128 are seldom reached")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--runs", type=int, default=2, help="turns of the two ways")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000], help="dialogues for the filters")
    options = parser.parse_args()
    if options.case == "filters":
        for count in options.counts:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                left, seconds, above = pool.apply(filter_them, (count,))
            print(
                f"{count:9,d} dialogues, {left:7,d} left, {seconds:7.1f} s, peak {above / MIB:5.1f} MiB above the start"
            )
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder, options.width)
        size = (options.shots, options.turns, options.tokens)
        for _ in range(options.runs):
            one, alone = write(folder, 1, *size, options.alone, options.dialogues)
            many, together = write(folder, options.dialogues, *size, options.dialogues, options.dialogues)
            equal = sum(a == b for a, b in zip(alone, together, strict=False))
            each = one / options.alone, many / options.dialogues
            print(
                f"one at a time {each[0]:.2f} s a dialogue, {options.dialogues} in flight {each[1]:.2f} s: "
                f"{each[0] / each[1]:.2f}x; {equal} of {options.alone} dialogues equal",
                flush=True,
            )


if __name__ == "__main__":
    main()
