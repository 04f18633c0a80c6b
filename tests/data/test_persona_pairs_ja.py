"""Section 5.1 of the prompt-tuning paper: one pair of JEmpatheticDialogues to ten of JPersonaChat."""

from collections.abc import Callable
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from tests.data.test_jpersonachat import save

PERSONAS = ("私は犬を飼っています。私は歌います。", "私は東京に住んでいます。私は猫が好きです。")


def test_one_general_pair_to_ten(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    talks, said, told = [["No", "対話ID", "ペルソナA", "ペルソナB"]], [["No", "対話ID", "話者", "発話"]], []
    for number in range(24):
        talks.append([number, f"PP{number}", *PERSONAS])
        for turn in range(6):
            said.append([len(said), f"PP{number}", "AB"[turn % 2], f"発話{number}の{turn}。"])
    for number in range(80):
        told += [[f"{number}_1", "AB"[turn % 2], f"話{number}の{turn}。"] for turn in range(2)]
    save(tmp_path / "japanese_persona_chat.xlsx", ペルソナリスト=talks, 対話=said)
    save(
        tmp_path / "japanese_empathetic_dialogues.xlsx",
        状況文=[["1_1", "喜び", "x"]],
        対話=[["ID", "話者", "発話"], *told],
    )
    cfg = composed(
        "experiment=prompt_tuning/pt_gpt1b_ja", f"data.root={tmp_path}", f"data.general_root={tmp_path}",
        "data.num_personas=2", "data.general_eval_pairs=5", "+data.corpus.general.first_valid_pair=60",
        "+data.corpus.general.first_test_pair=70",
        "+data.corpus.personas.first_valid_pair=60", "+data.corpus.personas.first_test_pair=90",
    )  # fmt: skip
    corpus = instantiate(cfg.data.corpus)
    learnt = [d for split in ("train", "valid") for d in corpus.load(split)]
    for user in {d.speakers[1].user for d in learnt}:
        own = [d for d in learnt if d.speakers[1].user == user]
        general = [d for d in own if d.id.startswith("general/")]
        assert len(own) > 40
        assert abs(len(general) - (len(own) - len(general)) / 10) <= 1
    assert set(corpus.test_sets()) == {"persona_eval", "general_eval"}
