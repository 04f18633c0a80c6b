"""For the grid on ConvAI2: reply pairs with profiles to pre-train on.

    python experiments/user_lora/convai2_pairs.py DATA_FOLDER OUTPUT_FOLDER

DATA_FOLDER has dailydialog/ and synthetic_persona_chat/. Nobody there has a profile: it is inferred by word rules from
persona sentences, where there are any, and what somebody says in the dialogue. Pairs share no dialogue with ConvAI2's
validation file.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue, Speaker
from zoo.profiles.lexical import LexicalProfiles
from zoo.profiles.voting import infer_profile, profile_of

CONF = Path(__file__).resolve().parents[2] / "conf"
SHARDS, HELD_OUT = 4, 500


def pairs(dialogues: list[Dialogue], inferer: LexicalProfiles) -> Iterator[Dialogue]:
    """Each utterance with the one before it, as a dialogue of two."""
    for dialogue in dialogues:
        sides = []
        for place, speaker in enumerate(dialogue.speakers):
            said = [one.text for one in dialogue.utterances if one.speaker == place]
            sides.append(profile_of(infer_profile([*speaker.persona, *said], inferer)))
        for turn in range(1, len(dialogue.utterances)):
            before, reply = dialogue.utterances[turn - 1 : turn + 1]
            if before.speaker != reply.speaker and reply.text.strip():
                asked, answers = (Speaker(profile=sides[one.speaker]) for one in (before, reply))
                two = (replace(before, speaker=0, candidates=()), replace(reply, speaker=1, candidates=()))
                yield Dialogue(f"{dialogue.id}/{turn}", (asked, answers), two)


def main() -> None:
    """Write pairs/."""
    shared, out = map(Path, sys.argv[1:])
    inferer = LexicalProfiles()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        mixed = compose("config", [
            "data=pretraining_mixed", f"data.dailydialog_root={shared}/dailydialog",
            f"data.synthetic_root={shared}/synthetic_persona_chat", "run_dir=unused",
        ])  # fmt: skip
    corpus = instantiate(mixed.data.corpus)
    made = list(pairs(corpus.load("train"), inferer))
    profiled = sum(bool(pair.speakers[1].profile) for pair in made)
    print(f"{len(made)} pairs, {profiled} of them with something known of who answers")
    for shard in range(SHARDS):
        write_jsonl(made[shard::SHARDS], out / "pairs" / f"train-{shard:05d}-of-{SHARDS:05d}.jsonl")
    write_jsonl(list(pairs(corpus.load("valid"), inferer))[:HELD_OUT], out / "pairs" / "valid.jsonl")


if __name__ == "__main__":
    main()
