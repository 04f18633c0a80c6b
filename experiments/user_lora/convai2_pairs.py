"""For the grid on ConvAI2: profiles of its users, and reply pairs with profiles to pre-train on.

    python experiments/user_lora/convai2_pairs.py DATA_FOLDER OUTPUT_FOLDER

DATA_FOLDER has convai2/, dailydialog/ and synthetic_persona_chat/. Nobody there has a profile: as for the paper's
JPersonaChat users (section 4.2.1), it is inferred, here by word rules, from persona sentences; of DailyDialog's
speakers from what they say in the dialogue. Pairs share no dialogue with ConvAI2's validation file.
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
from zoo.profiles.posts_file import write_profiles
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
    """Write profiles.jsonl and pairs/."""
    shared, out = map(Path, sys.argv[1:])
    inferer = LexicalProfiles()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        users = compose("config", ["data=users_convai2", f"data.root={shared}/convai2", "run_dir=unused"])
        mixed = compose("config", [
            "data=pretraining_mixed", f"data.dailydialog_root={shared}/dailydialog",
            f"data.synthetic_root={shared}/synthetic_persona_chat", "run_dir=unused",
        ])  # fmt: skip
    sentences: dict[str, dict[str, None]] = {}
    for dialogue in instantiate(users.data.users_of).load("valid"):
        for speaker in dialogue.speakers:
            sentences.setdefault(speaker.user, {}).update(dict.fromkeys(speaker.persona))
    decided = {user: infer_profile(list(own), inferer) for user, own in sentences.items() if user}
    write_profiles(out / "profiles.jsonl", decided, {user: len(sentences[user]) for user in decided})
    known = sum(map(len, decided.values()))
    print(f"{len(decided)} users, {known} of {5 * len(decided)} attributes decided")
    corpus = instantiate(mixed.data.corpus)
    made = list(pairs(corpus.load("train"), inferer))
    profiled = sum(bool(pair.speakers[1].profile) for pair in made)
    print(f"{len(made)} pairs, {profiled} of them with something known of who answers")
    for shard in range(SHARDS):
        write_jsonl(made[shard::SHARDS], out / "pairs" / f"pairs-{shard:05d}-of-{SHARDS:05d}.jsonl")
    write_jsonl(list(pairs(corpus.load("valid"), inferer))[:HELD_OUT], out / "pairs" / "valid.jsonl")


if __name__ == "__main__":
    main()
