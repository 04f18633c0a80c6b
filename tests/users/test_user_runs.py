"""Whole runs of many users: through Hydra and Lightning, stopped and resumed, on several processes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from transformers import AutoModelForCausalLM

import zoo
from tests.conftest import TINY
from tests.processes import run_py
from zoo.adapters.packed import PackedAdapters
from zoo.adapters.store import AdapterStore
from zoo.data.batch import collate
from zoo.data.records import DialogueExample
from zoo.errors import UserError
from zoo.export import export
from zoo.running import run
from zoo.users.learner import PerUser

SMALL = [
    "data=demo_users", "++data.max_users=5", *TINY, "learner.epochs=2", "learner.slots=2", "decoding.max_new_tokens=3",
    "trainer=cpu", "trainer.precision=64-true", "backbone.dtype=fp64",
]  # fmt: skip


@pytest.fixture
def small(composed: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    """`small("model=lora")`: seconds."""
    return lambda *overrides: composed(*SMALL, *overrides)


def rows(run_dir: Path) -> dict[str, torch.Tensor]:
    """The bank at the end of a run."""
    state = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {name: table for name, table in state.items() if "bank" in name}


@pytest.mark.parametrize("model", ["prompt_tuning", "prefix_tuning", "lora"])
def test_a_run_leaves_an_adapter_for_every_user(model: str, small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small(f"model={model}"))
    reports = [json.loads(line) for line in (tmp_path / "users.jsonl").read_text().splitlines()]
    users = [report["user"] for report in reports]
    assert len(users) == 5
    assert all(report["epochs"] == 2 and report["best_nll"] < report["start_nll"] for report in reports)
    store, packed = AdapterStore(tmp_path / "adapters"), PackedAdapters(tmp_path / "adapters.zoo")
    assert sorted(store.users()) == sorted(packed.users) == sorted(users)
    checkpoint = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert all("bank" in name for name in checkpoint["state_dict"]), "a checkpoint holds adapters only"
    module = zoo.load(tmp_path)
    for user, adapter in zip(users, packed.read(users), strict=True):
        for name, values in module.net.adapter(user).tensors.items():
            assert torch.equal(adapter.tensors[name], values)
    first = module.reply(["hi .", "hello .", "do you have a pet ?"], user=users[0])
    assert isinstance(first, str)
    with pytest.raises(UserError, match="no adapter of user 'nobody'"):
        module.reply(["hi ."], user="nobody")


def test_a_copy_of_the_network_for_every_user(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("model=finetune", "users=each"))
    reports = [json.loads(line) for line in (tmp_path / "users.jsonl").read_text().splitlines()]
    assert len(reports) == 5
    assert all(report["epochs"] == 2 and report["best_nll"] < report["start_nll"] for report in reports)
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    net = zoo.load(tmp_path).net
    ids = torch.arange(20)[None]
    user = reports[2]["user"]
    with net.bank.worn_by(2):
        own = net.lm(ids).logits
    export(tmp_path, tmp_path / "copy", user=user)
    copy = AutoModelForCausalLM.from_pretrained(tmp_path / "copy").double().eval()
    torch.testing.assert_close(copy(ids).logits, own, rtol=0, atol=1e-5)
    torch.testing.assert_close(zoo.load(tmp_path / "copy").net.lm(ids).logits, own, rtol=0, atol=1e-9)
    assert not torch.allclose(net.lm(ids).logits, own, atol=1e-3)
    assert 0 < metrics["test/ppl_token"] < 1000
    with pytest.raises(UserError, match="name one by --user"):
        export(tmp_path, tmp_path / "nobody's")


def test_one_adapter_for_all_is_an_ordinary_run(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    ordinary = [setting for setting in SMALL if not setting.startswith("learner.")]
    run(composed(*ordinary, "model=lora", "users=one", "trainer.max_epochs=1"))
    assert AdapterStore(tmp_path / "adapters").users() == ["shared"]
    assert next(iter(rows(tmp_path).values())).size(0) == 1


def test_where_training_began_is_not_needed_any_more(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("model=lora", "run=[fit]", f"run_dir={tmp_path}/first"))
    store = AdapterStore(tmp_path / "first" / "adapters")
    start = store.path(store.users()[0])
    run(small("model=lora", "run=[fit]", f"model.net.start_from={start}", f"run_dir={tmp_path}/second"))
    shutil.rmtree(tmp_path / "first")
    assert len(zoo.load(tmp_path / "second").net.users) == 5


@pytest.mark.parametrize("model", ["prefix_tuning", "lora"])
def test_a_stopped_run_of_users_goes_on_where_it_was(
    model: str, small: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(small(f"model={model}", "run=[fit]", f"run_dir={tmp_path}/whole"))
    part = [f"model={model}", "run=[fit]", "callbacks.last.every_n_train_steps=1", f"run_dir={tmp_path}/part"]
    whole_step = PerUser.step

    class KilledError(Exception):
        """Stands for a kill in the middle of some user's epoch, while others are finished and others wait."""

    def stop_at_6(self: PerUser, *arguments: object) -> torch.Tensor:
        if sum(run.step for run in self.runs) >= 8:
            raise KilledError
        return whole_step(self, *arguments)

    monkeypatch.setattr(PerUser, "step", stop_at_6)
    with pytest.raises(KilledError):
        run(small(*part))
    monkeypatch.setattr(PerUser, "step", whole_step)
    run(small(*part, "ckpt_path=last"))
    for name, table in rows(tmp_path / "whole").items():
        assert torch.equal(rows(tmp_path / "part")[name], table), name
    users = [(tmp_path / name / "users.jsonl").read_text() for name in ("whole", "part")]
    assert users[0] == users[1]


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["data=demo", "model=lora"], "have no training example"),
        (["model=lora", "learner=per_user", "users=one"], "expected users=each with learner=per_user"),
        (["model=lora", "learner.patience=0"], "learner.patience=0 was given"),
        (["model=lora", "+learner.rate=1"], "knows no setting rate"),
        (["model=lora", "model.net.targets=[lm_head]"], "language-model head"),
        (["model=lora", "trainer.precision=bf16-true", "backbone.dtype=fp32"], "backbone.dtype=bf16"),
        (["model=prompt_tuning", "model.net.num_virtual_tokens=1100"], "positions"),
        (
            ["model=lora", "model.net.targets=[nothing]"],
            "matches no Linear or Conv1D module of the backbone; it has c_",
        ),
        (["model=lora", "template=dialogue"], "embeddings stay frozen"),
        (["model=prefix_tuning", "model.net.start=zeros"], "expected one of words, random"),
        (["model=lora", "+learner.overrides={nobody: {lr: 1}}"], "overrides names nobody"),
        (["model=lora", "data.max_users=500"], "500 users with at least 3 dialogues were asked for"),
        (["model=lora", "learner.batch_size=0"], "expected a whole number above zero"),
        (["model=finetune", "users=each", "model.net.dropout=0.1"], "dropout would make a user's updates depend"),
    ],
)
def test_mistakes_are_explained(overrides: list[str], complaint: str, small: Callable[..., DictConfig]) -> None:
    with pytest.raises(Exception, match=complaint) as caught:
        run(small(*overrides))
    assert isinstance(caught.value, UserError) or isinstance(caught.value.__cause__, UserError)


def test_gradient_checkpointing_is_refused_for_prefixes(small: Callable[..., DictConfig]) -> None:
    module = instantiate(small("model=prefix_tuning").model)
    module.net.lm.gradient_checkpointing_enable()
    example = DialogueExample("a", "a", (), ("hi",), (False,), "hello")
    with pytest.raises(UserError, match="Gradient checkpointing"):
        module.net(collate([module.template.encode(example)], module.template.pad_id))


def test_gradient_checkpointing_changes_nothing_for_lora(small: Callable[..., DictConfig]) -> None:
    """Its network stays in evaluation mode, in which transformers checkpoints no layer."""
    module = instantiate(small("model=lora").model).train()
    module.net.set_users(["a"])
    batch = collate(
        [module.template.encode(DialogueExample("a", "a", (), ("hi",), (False,), "hello"))], module.template.pad_id
    )
    gradients = []
    for _ in range(2):
        with module.net.bank.leaves(torch.tensor([0])) as leaves:
            nll = module.net.response_nll(batch).sum()
            gradients.append(torch.autograd.grad(nll, list(leaves.values())))
        module.net.lm.gradient_checkpointing_enable()
    for plain, checkpointed in zip(*gradients, strict=True):
        assert torch.equal(plain, checkpointed)


@pytest.mark.slow
def test_users_are_dealt_to_processes(tmp_path: Path) -> None:
    """Two processes train five users unevenly and end with the same bank; their last checkpoint resumes."""
    banks = {}
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        done = run_py("model=prefix_tuning", *SMALL, f"trainer.devices={devices}", f"hydra.run.dir={folder}",
                      "callbacks.last.every_n_train_steps=2", cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        banks[devices] = rows(folder)
    for name, table in banks[1].items():
        torch.testing.assert_close(banks[2][name], table, rtol=0, atol=1e-9)
    alone, dealt = (json.loads((tmp_path / str(d) / "metrics.json").read_text())["metrics"] for d in (1, 2))
    assert dealt == pytest.approx(alone, rel=1e-6, nan_ok=True)
    users = [(tmp_path / str(d) / "users.jsonl").read_text() for d in (1, 2)]
    assert [json.loads(line)["epochs"] for line in users[0].splitlines()] == [
        json.loads(line)["epochs"] for line in users[1].splitlines()
    ]


@pytest.mark.slow
def test_users_of_two_processes_go_on_where_they_were(tmp_path: Path) -> None:
    """Stopped after three rounds, with users in mid-epoch and others waiting: the same bits in the end."""
    dealt = ["model=lora", *SMALL, "trainer.devices=2", "run=[fit]", "callbacks.last.every_n_train_steps=1"]
    for folder, steps in (("whole", "trainer.max_steps=-1"), ("part", "trainer.max_steps=3")):
        done = run_py(*dealt, steps, f"hydra.run.dir={tmp_path / folder}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
    stopped = torch.load(tmp_path / "part/checkpoints/last.ckpt", weights_only=True)
    assert stopped["global_step"] == 3
    assert any(not run["finished"] for run in stopped["learner"]["runs"].values())
    done = run_py(f"hydra.run.dir={tmp_path / 'part'}", "ckpt_path=last", "trainer.max_steps=-1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    part = rows(tmp_path / "part")
    for name, table in rows(tmp_path / "whole").items():
        assert torch.equal(part[name], table)


@pytest.mark.slow
def test_one_adapter_for_all_trains_under_plain_ddp(tmp_path: Path) -> None:
    ordinary = [setting for setting in SMALL if not setting.startswith("learner.")]
    banks = {}
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        done = run_py("model=lora", "users=one", *ordinary, "trainer.max_epochs=1", f"trainer.devices={devices}",
                      "data.batch_size=8", f"hydra.run.dir={folder}", "run=[fit]", cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        banks[devices] = rows(folder)
    for name, table in banks[1].items():
        torch.testing.assert_close(banks[2][name], table, rtol=0, atol=1e-9)


def test_a_user_who_diverges_stops_nobody(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    run(small("model=lora", "run=[fit]"))
    users = [json.loads(line)["user"] for line in (tmp_path / "users.jsonl").read_text().splitlines()]
    expected = PackedAdapters(tmp_path / "adapters.zoo").read(users)
    run(small("model=lora", "run=[fit]", f"+learner.overrides={{{users[1]}: {{lr: 1e30}}}}"))
    reports = [json.loads(line) for line in (tmp_path / "users.jsonl").read_text().splitlines()]
    assert [report["diverged"] for report in reports] == [False, True, False, False, False]
    found = PackedAdapters(tmp_path / "adapters.zoo").read(users)
    for number in (0, 2, 3, 4):
        for name, values in expected[number].tensors.items():
            torch.testing.assert_close(found[number].tensors[name], values, rtol=0, atol=1e-10)
    assert all(values.isfinite().all() for values in found[1].tensors.values())


def test_the_adapter_of_all_is_the_best_checkpoints(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    ordinary = [setting for setting in SMALL if not setting.startswith("learner.")]
    run(
        composed(
            *ordinary,
            "model=lora",
            "users=one",
            "trainer.max_epochs=3",
            "optimizer.lr=1e-3",
            "run=[fit]",
            "callbacks.best.mode=max",
        )
    )
    best = zoo.load(tmp_path).net.adapter()
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] < 2, (
        "the last is not the best"
    )
    stored = AdapterStore(tmp_path / "adapters").load(["shared"])[0]
    assert all(torch.equal(stored.tensors[name], values) for name, values in best.tensors.items())


def test_some_of_the_trained_users_keep_their_rows(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    """Data of two of five users: each is answered by its own adapter, whatever its place in those data."""
    from hydra.utils import instantiate
    from lightning import Trainer

    from zoo.metrics.generations import read_generations

    run(small("model=lora"))
    nll = {row.id: row.nll for row in read_generations(tmp_path / "generations.jsonl")}
    module = zoo.load(tmp_path)
    some = list(module.net.users)[3:]
    data = instantiate(small("model=lora", "data.max_users=null", f"data.only=[{','.join(some)}]").data.datamodule)
    Trainer(accelerator="cpu", logger=False, enable_progress_bar=False).test(module, data, verbose=False)
    assert {row.user for row in module.generations[""]} == set(some)
    for row in module.generations[""]:
        assert row.nll == pytest.approx(nll[row.id], abs=1e-9)


def test_merged_and_copied_networks_do_not_hear_the_bank(small: Callable[..., DictConfig], tmp_path: Path) -> None:
    import copy

    from zoo.adapters.merge import merge_lora

    run(small("model=lora", "run=[fit]"))
    net = zoo.load(tmp_path).net
    for name, table in net.bank.tables.items():
        if name.endswith("/B"):
            torch.nn.init.normal_(table, std=0.5)
    ids = torch.arange(12)[None]
    net.bank.select(torch.tensor([1]))
    expected = net.lm(ids).logits
    torch.testing.assert_close(merge_lora(net.lm, net.adapter(net.users[1]))(ids).logits, expected, rtol=0, atol=1e-6)
    copied = copy.deepcopy(net)
    net.bank.select(torch.tensor([2]))
    torch.testing.assert_close(copied.lm(ids).logits, expected)
    assert not torch.allclose(net.lm(ids).logits, expected)
