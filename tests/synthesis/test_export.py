"""What is exported is read back equal by the project's own readers, and trains."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig

from zoo.data.convai2 import read_convai2
from zoo.data.jsonl import read_jsonl
from zoo.data.licence import NTT_EVALUATION, licences_beside, refuse_to_publish
from zoo.data.personachatgen import PersonaChatGenCorpus
from zoo.data.records import Dialogue
from zoo.errors import UserError
from zoo.synthesis.chat.export import export_dialogues, side_of, whole
from zoo.synthesis.chat.splits import Splits
from zoo.synthesis.records import SyntheticDialogue

WORDS = (
    "I",
    "like",
    "Cats.",
    "your",
    "persona:",
    "partner's",
    "1",
    "naïve",
    "日本",
    "|",
    "__",
    "#",
    "don't",
    "🙂",
    "...",
)
BLANKS = (" ", "  ", "\t", "\u2028", " \n")


def texts(draw: random.Random, n: int) -> tuple[str, ...]:
    return tuple("".join(draw.choice(WORDS) + draw.choice(BLANKS) for _ in range(draw.randint(1, 6))) for _ in range(n))


def dialogues(n: int, turns: int | None = None, seed: int = 0) -> list[SyntheticDialogue]:
    """With everything in them that a text format may stumble over."""
    draw = random.Random(seed)
    return [
        SyntheticDialogue(
            f"s{k}/t{k}",
            (texts(draw, 5), texts(draw, 5)),
            texts(draw, turns or draw.randint(1, 17)),
            {"model": "grammar 1", "persona_sets": [f"s{k}", f"t{k}"]},
            {"copy_f1": round(draw.random(), 6), "copied_a": k},
        )
        for k in range(n)
    ]


def splits(rows: list[SyntheticDialogue]) -> Splits:
    return Splits({"train": rows[:-2], "valid": rows[-2:-1], "test": rows[-1:]}, "persona")


def content(read: list[Dialogue]) -> list[tuple[object, ...]]:
    return [(dialogue.speakers, dialogue.utterances, dialogue.responders) for dialogue in read]


def test_the_format_letter_by_letter(tmp_path):
    one = SyntheticDialogue("a/b", (("I sing.", "I ski."), ("I bake.",)), ("Hi!", "Hello.", "So?", ""))
    export_dialogues(Splits({"train": [one]}, "pair"), tmp_path)
    both = (tmp_path / "export/train_both_original_no_cands.txt").read_text()
    assert both == (
        "1 your persona: I bake.\n2 partner's persona: I sing.\n3 partner's persona: I ski.\n"
        "4 Hi!\tHello.\n5 So?\t__SILENCE__\n"
        "1 your persona: I sing.\n2 your persona: I ski.\n3 partner's persona: I bake.\n"
        "4 __SILENCE__\tHi!\n5 Hello.\tSo?\n"
    )
    self = (tmp_path / "export/train_self_original_no_cands.txt").read_text()
    assert self.startswith("1 your persona: I bake.\n2 Hi!\tHello.\n")
    assert "partner" not in self


def test_sixteen_utterances_are_eight_lines(tmp_path):
    record = export_dialogues(Splits({"train": dialogues(3, turns=16)}, "pair"), tmp_path)
    assert record["splits"]["train"] == {"dialogues": 3, "sides": 6, "examples": 48}


def test_the_projects_own_reader_reads_it_back_equal(tmp_path):
    rows = dialogues(40)
    record = export_dialogues(splits(rows), tmp_path)
    sides = [side for row in rows[:-2] for who in (1, 0) if (side := side_of(row, who)).utterances]
    both = read_convai2(tmp_path / "export/train_both_original_no_cands.txt")
    assert content(both) == content(sides)
    self = read_convai2(tmp_path / "export/train_self_original_no_cands.txt")
    assert [side.speakers[1] for side in self] == [side.speakers[1] for side in both]
    assert all(side.speakers[0].persona == () for side in self)
    assert [side.utterances for side in self] == [side.utterances for side in both]
    lines = read_jsonl(tmp_path / "export/train.jsonl")
    assert lines == [whole(row) for row in rows[:-2]]
    assert [speaker.user for speaker in lines[3].speakers] == ["s3", "t3"]
    for row, line in zip(rows, lines, strict=False):
        assert [utterance.text.split() for utterance in line.utterances] == [text.split() for text in row.utterances]
    for row, line in zip(rows, (tmp_path / "export/train.jsonl").read_bytes().split(b"\n"), strict=False):
        assert not line or json.loads(line)["provenance"] == {"source": row.source, "scores": row.scores}
    assert record["models"] == ["grammar 1"]
    assert record == json.loads((tmp_path / "export/export.json").read_text())


def test_every_utterance_answers_once_and_its_speakers_persona_is_the_own(tmp_path):
    (row,) = dialogues(1, turns=7)
    sides = [side_of(row, who) for who in (1, 0)]
    answers = [utterance.text for side in sides for utterance in side.utterances if utterance.speaker == 1]
    assert sorted(answers) == sorted(" ".join(text.split()) for text in row.utterances)
    for who, side in zip((1, 0), sides, strict=True):
        assert side.speakers[1].persona == tuple(" ".join(text.split()) for text in row.personas[who])
        own = {utterance.text for utterance in side.utterances if utterance.speaker == 1}
        assert own == {" ".join(text.split()) for text in row.own(who)}


def test_an_emptied_split_leaves_no_old_files(tmp_path):
    export_dialogues(splits(dialogues(5)), tmp_path)
    export_dialogues(Splits({"train": dialogues(1), "valid": [], "test": []}, "pair"), tmp_path)
    assert {path.name.partition("_")[0].partition(".")[0] for path in (tmp_path / "export").iterdir()} == {
        "train",
        "export",
    }


def test_the_corpus_reads_a_synthesis_and_says_who_made_it(tmp_path):
    rows = dialogues(6, turns=4)
    export_dialogues(splits(rows), tmp_path)
    for folder in (tmp_path, tmp_path / "export"):
        corpus = PersonaChatGenCorpus(folder, persona_view="both")
        assert content(corpus.load("test")) == content([side_of(rows[-1], who) for who in (1, 0)])
        assert corpus.describe("test")["made_by"] == ["grammar 1"]
    (tmp_path / "export/export.json").write_text("{")
    with pytest.raises(UserError, match="is no record of a synthesis"):
        corpus.describe("test")


def test_what_a_model_of_closed_data_wrote_stays_closed(tmp_path):
    export_dialogues(splits(dialogues(6)), tmp_path / "open")
    refuse_to_publish(PersonaChatGenCorpus(tmp_path / "open").describe("train"))
    closed = {"data": {"corpus": "jpersonachat", "licence": NTT_EVALUATION.describe()}}
    (tmp_path / "provenance.json").write_text(json.dumps(closed))  # beside the folder of the model that wrote
    facts = {"licences": licences_beside(tmp_path / "backbone")}
    export_dialogues(splits(dialogues(6)), tmp_path / "closed", facts)
    with pytest.raises(UserError, match="NTT"):
        refuse_to_publish(PersonaChatGenCorpus(tmp_path / "closed").describe("train"))


def test_spelling_as_in_convai2(tmp_path):
    row = SyntheticDialogue("a/b", (("I SING.",), ("I Bake.",)), ("It’s Great!", "🙂"))
    export_dialogues(Splits({"train": [row]}, "pair"), tmp_path)
    side, other = PersonaChatGenCorpus(tmp_path, style="convai2").load("train")
    assert [utterance.text for utterance in side.utterances] == ["its great !", "🙂"]
    assert [utterance.text for utterance in other.utterances] == ["__SILENCE__", "its great !"]
    assert side.speakers[1].persona == ("i bake.",)
    (side, _) = PersonaChatGenCorpus(tmp_path, style="lower").load("train")
    assert side.utterances[0].text == "it’s great!"


@pytest.mark.parametrize("data", ["personachatgen", "personachat_personachatgen"])
def test_a_missing_folder_is_told_in_one_paragraph(composed: Callable[..., DictConfig], tmp_path, data):
    convai2 = tmp_path / "convai2.txt"
    convai2.write_text("1 your persona: i ski.\n2 hi .\thello .\n")
    files = [f"data.{split}_file={convai2}" for split in ("train", "valid", "test")] if "_" in data else []
    cfg = composed(f"data={data}", f"data.folder={tmp_path / 'none'}", *files)
    with pytest.raises(UserError, match=r"no such folder.*python -m zoo.synthesis.*data.folder=FOLDER") as caught:
        instantiate(cfg.data.corpus).load("train")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"neither valid_self_original_no_cands.txt nor export/valid"):
        PersonaChatGenCorpus(tmp_path).load("valid")


@pytest.mark.parametrize("apart", [False, True])
def test_comb_is_the_union(composed: Callable[..., DictConfig], tmp_path: Path, apart):
    convai2 = tmp_path / "convai2.txt"
    convai2.write_text("1 your persona: i ski.\n2 hi .\thello .\n")
    export_dialogues(splits(dialogues(5, turns=4)), tmp_path)
    cfg = composed(
        "data=personachat_personachatgen",
        f"data.folder={tmp_path}",
        f"data.apart={apart}",
        f"data.cache_dir={tmp_path / 'cache'}",
        *(f"data.{split}_file={convai2}" for split in ("train", "valid", "test")),
    )
    corpus = instantiate(cfg.data.corpus)
    assert [dialogue.id.partition("/")[0] for dialogue in corpus.load("train")] == [
        "personachat",
        *["personachatgen"] * 6,
    ]
    assert corpus.describe("train")["parts"]["personachatgen"]["made_by"] == ["grammar 1"]
    assert corpus.test_sets() == (("personachat", "personachatgen") if apart else ())
    with pytest.raises(UserError, match="style='other'"):
        PersonaChatGenCorpus(tmp_path, style="other")
