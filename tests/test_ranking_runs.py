"""Hits@1 in whole runs: what a file must have, what a model that knows nothing gets, and fine-tuning for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.errors import InstantiationException
from omegaconf import DictConfig

import zoo
from tests.conftest import TINY
from zoo.data.demo import demo_dialogues
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue
from zoo.errors import UserError
from zoo.metrics.generations import read_generations
from zoo.running import run


def gold_last(dialogue: Dialogue) -> Dialogue:
    """As ConvAI2 has it: the true reply is the last candidate."""
    said = tuple(
        replace(u, candidates=(*[c for c in u.candidates if c != u.text], u.text)) if u.candidates else u
        for u in dialogue.utterances
    )
    return replace(dialogue, utterances=said)


def write(folder: Path, change: Callable[[Dialogue], Dialogue] = gold_last) -> Path:
    """A few demo dialogues with candidates."""
    folder.mkdir()
    for split, count in (("train", 12), ("valid", 5)):
        write_jsonl([change(dialogue) for dialogue in demo_dialogues(split)[:count]], folder / f"{split}.jsonl")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With 20 candidates a turn, the gold one last."""
    return write(tmp_path_factory.mktemp("ranking") / "corpus")


@pytest.fixture
def ranking(
    composed: Callable[..., DictConfig], run_small: list[str], corpus: Path, tmp_path: Path
) -> Callable[..., DictConfig]:
    """A run that ranks."""
    return lambda *more: composed(
        *run_small, f"data.root={corpus}", "protocol=ranking", "optimizer.lr=1e-3", f"run_dir={tmp_path / 'run'}", *more
    )


def test_a_run_ranks_and_keeps_its_scores(ranking: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(ranking())
    rows = read_generations(tmp_path / "run" / "generations.jsonl")
    hits = [row.candidate_scores.index(max(row.candidate_scores)) == row.gold for row in rows]
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test/hits_1_of_20"]
    assert found == pytest.approx(100 * sum(hits) / len(hits))
    assert {len(row.candidate_scores) for row in rows} == {20}
    assert len({row.gold for row in rows}) > 5, "the true reply is last in the file, and anywhere here"
    for row in rows:  # the true reply's own likelihood, counted once more
        assert row.candidate_scores[row.gold] == pytest.approx(-row.nll / row.n_tokens, abs=1e-4)


def test_a_model_that_scores_all_alike_hits_nothing(
    ranking: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(output)

    start = zoo.module.DialogueModule.on_test_start

    def muted(self: zoo.module.DialogueModule) -> None:
        start(self)
        self.net.lm.lm_head.register_forward_hook(mute)

    monkeypatch.setattr(zoo.module.DialogueModule, "on_test_start", muted)
    run(ranking("run=[test]"))
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test/hits_1_of_20"] == 0


def test_double_heads_go_on_from_a_trained_model(ranking: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(ranking("run=[fit]"))
    one = str(tmp_path / "one")
    more = ["learner=double_heads", f"init_from={tmp_path / 'run'}", "trainer.max_epochs=2", f"run_dir={one}"]
    run(ranking(*more))
    before, after = (
        torch.load(tmp_path / name / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for name in ("run", "one")
    )
    assert set(after) - set(before) == {"net.choice_head.weight", "net.choice_head.bias"}
    moved = (after["net.lm.transformer.wpe.weight"] - before["net.lm.transformer.wpe.weight"]).abs().max()
    assert 0 < moved < 0.1, "trained further, not anew"
    rows = read_generations(tmp_path / "one" / "generations.jsonl")
    assert any(row.candidate_scores[row.gold] > 0 for row in rows), "logit differences, not likelihoods"
    module = zoo.load(one)
    assert module.ranking == "choice_head"
    assert module.reply(["hi ."], persona=["i sing ."]) is not None
    # killed after the first epoch and taken up again: the same negatives, the same bits
    two = [*more[:-1], f"run_dir={tmp_path / 'two'}"]
    run(ranking(*two, "trainer.max_steps=5", "callbacks.last.every_n_train_steps=5"))
    run(ranking(*two, "ckpt_path=last"))
    resumed = torch.load(tmp_path / "two" / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(resumed[name], after[name]) for name in after)


def test_what_cannot_be_ranked_is_said(
    ranking: Callable[..., DictConfig], composed: Callable[..., DictConfig], small_corpus: Path, tmp_path: Path
) -> None:
    def long(dialogue: Dialogue) -> Dialogue:
        said = gold_last(dialogue).utterances
        words = " ".join(["cats"] * 400)
        return replace(dialogue, utterances=tuple(replace(u, candidates=(words, u.text)) for u in said[:2]))

    with pytest.raises(UserError, match="have no candidates with the true reply"):
        run(ranking(f"data.root={small_corpus}"))
    with pytest.raises(UserError, match=r"data.candidates=true.*negatives_from=batch"):
        run(ranking(f"data.root={small_corpus}", "protocol=default", "learner=double_heads"))
    with pytest.raises(InstantiationException, match="expected learner=double_heads"):
        run(ranking("model.ranking=choice_head"))
    with pytest.raises(InstantiationException, match="likelihood_per_token, likelihood, choice_head"):
        run(ranking("model.ranking=best"))
    with pytest.raises(UserError, match=r"init_from=.* there is no .*best.ckpt"):
        run(ranking(f"init_from={tmp_path}"))
    with pytest.raises(UserError, match="expected one of the two"):
        run(composed("model=lora", "data=demo_users", "source=base", f"init_from={tmp_path}", *TINY))
    with pytest.raises(InstantiationException, match="adds no such token"):
        run(ranking("model=encoder_gpt2", "template=plain"))
    with pytest.raises(UserError, match=r"needs .* positions"):
        run(ranking(f"data.root={write(tmp_path / 'long', long)}", "template.max_response_tokens=1000"))

    def twice(dialogue: Dialogue) -> Dialogue:
        said = dialogue.utterances
        return replace(dialogue, utterances=tuple(replace(u, candidates=(*u.candidates, u.text)) for u in said[:2]))

    with pytest.raises(UserError, match="more than once among their candidates"):
        run(ranking(f"data.root={write(tmp_path / 'twice', twice)}"))

    def none(dialogue: Dialogue) -> Dialogue:
        return replace(
            dialogue,
            utterances=tuple(
                replace(u, candidates=tuple(c for c in u.candidates if c != u.text)) for u in dialogue.utterances
            ),
        )

    with pytest.raises(UserError, match="lacks the utterance's own text"):
        run(ranking(f"data.root={write(tmp_path / 'none', none)}"))


def test_unequal_numbers_of_candidates_are_counted_apart(ranking: Callable[..., DictConfig], tmp_path: Path) -> None:
    def fewer(dialogue: Dialogue) -> Dialogue:
        first, second, *others = gold_last(dialogue).utterances
        return replace(dialogue, utterances=(first, replace(second, candidates=second.candidates[-3:]), *others))

    run(ranking(f"data.root={write(tmp_path / 'fewer', fewer)}", "run=[test]"))
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]
    assert {"test/hits_1_of_3", "test/hits_1_of_20"} <= set(found)


def test_users_begin_with_what_a_run_trained_and_train_anew(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """The weights of the other run, not how far its users had come."""
    small = [
        "model=prefix_tuning",
        "data=demo_users",
        "data.max_users=3",
        "learner.epochs=1",
        "protocol.metrics={}",
        *TINY,
    ]
    run(composed(*small, "trainer=cpu", "run=[fit]", f"run_dir={tmp_path / 'one'}"))
    run(composed(*small, "trainer=cpu", "run=[fit]", f"init_from={tmp_path / 'one'}", f"run_dir={tmp_path / 'two'}"))
    one, two = (torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("one", "two"))
    assert one["global_step"] == two["global_step"] > 0
    name = next(name for name in one["state_dict"] if "bank.tables" in name)
    assert not torch.equal(one["state_dict"][name], two["state_dict"][name])
