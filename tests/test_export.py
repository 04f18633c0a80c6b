"""What runs trained, as folders for the hub: read again by transformers, peft and zoo, with cards, and refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from hydra import compose, initialize_config_dir
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

import zoo
from tests.conftest import ROOT, small_overrides
from tests.users.test_user_runs import SMALL
from zoo.adapters.packed import PackedAdapters
from zoo.data.batch import DialogueBatch, collate
from zoo.data.examples import DialogueExample
from zoo.data.licence import NTT_EVALUATION, Licence, licences_beside
from zoo.errors import UserError
from zoo.export import export, main
from zoo.module import DialogueModule
from zoo.running import run
from zoo.trust import check_parts

IDS = torch.arange(20)[None]


def ran(folder: Path, *overrides: str) -> Path:
    """A finished run."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        run(compose("config", [f"run_dir={folder}", *overrides]))
    return folder


@pytest.fixture(scope="module")
def lora_run(zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA for five users, tested."""
    return ran(tmp_path_factory.mktemp("lora"), *SMALL, "model=lora", "learner.lr=0.1")


@pytest.fixture(scope="module")
def small(small_corpus: Path) -> list[str]:
    """Overrides of a run of seconds."""
    return small_overrides(small_corpus)


def front_matter(folder: Path) -> dict[str, Any]:
    """As the hub reads it."""
    found: dict[str, Any] = ModelCard.load(folder / "README.md").data.to_dict()
    return found


def logits(module: DialogueModule, examples: list[DialogueExample]) -> torch.Tensor:
    """Of the response tokens of ragged examples, [N, V]."""
    template = module.template
    batch: DialogueBatch = collate([template.encode(example) for example in examples], pad_id=template.pad_id)
    with torch.no_grad():
        return module.net(batch).double()


def test_every_users_adapter_is_read_by_peft(lora_run: Path, tmp_path: Path) -> None:
    net = zoo.load(lora_run).net
    folder = tmp_path / "all"
    export(lora_run, folder)
    assert {path.name for path in (folder / "users").iterdir()} == set(net.users)
    assert PackedAdapters(folder / "adapters.zoo").users == sorted(net.users)
    for number in (0, 2):
        backbone = AutoModelForCausalLM.from_pretrained(folder / "backbone").double()
        theirs = PeftModel.from_pretrained(backbone, folder / "users" / net.users[number]).eval()
        net.bank.select(torch.tensor([number]))
        torch.testing.assert_close(theirs(input_ids=IDS).logits, net.lm(IDS).logits, rtol=0, atol=1e-9)
    config = json.loads((folder / "users" / net.users[0] / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None, "a path of this machine is no use to others"
    data = front_matter(folder)
    assert (data["library_name"], data["language"]) == ("peft", ["en"])
    text = (folder / "README.md").read_text()
    assert "FOLDER/backbone" in text
    assert f'"FOLDER/users/{net.users[0]}")  # one of 5 users' in text


def test_one_users_adapter_lies_at_the_top(lora_run: Path, tmp_path: Path) -> None:
    net = zoo.load(lora_run).net
    user = net.users[2]
    export(lora_run, tmp_path / "one", user=user, base_model="owner/base@abc123")
    assert not (tmp_path / "one" / "backbone").exists()
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("owner/base", "abc123")
    theirs = PeftModel.from_pretrained(zoo.load(lora_run).net.lm, tmp_path / "one").eval()
    net.bank.select(torch.tensor([2]))
    torch.testing.assert_close(theirs(input_ids=IDS).logits, net.lm(IDS).logits, rtol=0, atol=1e-9)
    data = front_matter(tmp_path / "one")
    assert (data["base_model"], data["base_model_revision"]) == ("owner/base", "abc123")
    assert 'from_pretrained("owner/base", revision="abc123")' in (tmp_path / "one" / "README.md").read_text()
    with pytest.raises(UserError, match="no adapter of user 'nobody'"):
        export(lora_run, tmp_path / "none", user="nobody")
    assert not (tmp_path / "none").exists()


def test_a_users_lora_is_merged_into_the_weights(lora_run: Path, tmp_path: Path) -> None:
    net = zoo.load(lora_run).net
    export(lora_run, tmp_path / "merged", user=net.users[2], merge=True)
    net.bank.select(torch.tensor([2]))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").double().eval()
    torch.testing.assert_close(merged(IDS).logits, net.lm(IDS).logits, rtol=0, atol=1e-5)
    assert not torch.allclose(zoo.load(lora_run).net.lm(IDS).logits, merged(IDS).logits, atol=1e-3)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "merged")) == net.lm.config.vocab_size


@pytest.mark.parametrize(
    "model",
    [
        ["model=paa"],
        ["model=paa", "model.net.fusion=condition_aware"],
        ["model=encoder_gpt2"],
    ],
)
def test_a_network_that_only_we_know_answers_again(
    model: list[str], small: list[str], tmp_path: Path, examples: list[DialogueExample]
) -> None:
    ran(tmp_path / "run", *small, *model, "run=[fit]")
    export(tmp_path / "run", tmp_path / "folder")
    there = zoo.load(tmp_path / "folder")
    torch.testing.assert_close(logits(there, examples), logits(zoo.load(tmp_path / "run"), examples), rtol=0, atol=0)
    assert isinstance(there.reply(["hi ."], persona=["i have two dogs ."]), str)
    assert str(tmp_path) not in (tmp_path / "folder" / "config.yaml").read_text()
    assert front_matter(tmp_path / "folder")["library_name"] == "persona-zoo"


@pytest.fixture(scope="module")
def finetuned(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fine-tuned language model with a head of its own, tested, on data of one's own."""
    overrides = [setting for setting in small if not setting.startswith("model")]
    return ran(tmp_path_factory.mktemp("ft"), "model=finetune", "model.net.tie_lm_head=false", *overrides)


def test_a_language_model_is_read_by_transformers_and_zoo(
    finetuned: Path, tmp_path: Path, examples: list[DialogueExample]
) -> None:
    export(finetuned, tmp_path / "folder")
    net = zoo.load(finetuned).net
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "folder").eval()
    torch.testing.assert_close(theirs(IDS).logits, net.lm(IDS).logits, rtol=0, atol=1e-6)
    own, again = (logits(zoo.load(folder), examples) for folder in (finetuned, tmp_path / "folder"))
    torch.testing.assert_close(again, own, rtol=0, atol=0)
    export(finetuned, tmp_path / "folder")  # replaces
    (tmp_path / "folder" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"holds thesis.tex, which no export wrote"):
        export(finetuned, tmp_path / "folder")


def test_the_card_says_what_has_to_be_known(finetuned: Path, tmp_path: Path) -> None:
    provenance = json.loads((finetuned / "provenance.json").read_text())
    for split, licence in (("train", Licence("CC BY-NC-SA 4.0", "https://x")), ("test", Licence("MIT"))):
        corpus = {"corpus": "dailydialog" if split == "train" else "xpersona", "licence": licence.describe()}
        provenance["data"]["splits"][split]["corpus"] = corpus
    kept = (finetuned / "provenance.json").read_bytes()
    (finetuned / "provenance.json").write_text(json.dumps(provenance))
    try:
        export(finetuned, tmp_path / "folder")
    finally:
        (finetuned / "provenance.json").write_bytes(kept)
    data = front_matter(tmp_path / "folder")
    assert data["license"] == "other"
    assert data["language"] == ["en", "ja"]
    assert data["datasets"] == ["li2017dailydialog/daily_dialog"]
    assert "non-commercial" in data["tags"]
    (entry,) = data["model-index"]
    measured = json.loads((finetuned / "metrics.json").read_text())
    of_card = {metric["type"]: metric for result in entry["results"] for metric in result["metrics"]}
    assert of_card["ppl_token"]["value"] == pytest.approx(measured["metrics"]["test/ppl_token"], rel=1e-5)
    assert of_card["ppl_token"]["name"] == f"ppl_token, version {measured['versions']['ppl_token']}, protocol default"
    text = (tmp_path / "folder" / "README.md").read_text()
    for said in (
        "**Not for commercial use**", "must not be used to impersonate", "RealPersonaChat", "Protocol `default`",
        "**The licence of dialogues of one's own (JSONL) was not recorded**", "seed 36", "zoo.load",
    ):  # fmt: skip
        assert said in text, said


def test_a_licence_that_forbids_it_is_kept(lora_run: Path, tmp_path: Path) -> None:
    kept = (lora_run / "provenance.json").read_bytes()
    provenance = json.loads(kept)
    provenance["data"]["splits"]["train"]["corpus"] = {"corpus": "x", "licence": NTT_EVALUATION.describe()}
    (lora_run / "provenance.json").write_text(json.dumps(provenance))
    try:
        with pytest.raises(UserError, match="NTT"):
            export(lora_run, tmp_path / "refused")
        assert [one["name"] for one in licences_beside(lora_run / "adapters")] == [NTT_EVALUATION.name]
    finally:
        (lora_run / "provenance.json").write_bytes(kept)
    assert not (tmp_path / "refused").exists()


def test_a_licence_behind_the_run_is_kept(small: list[str], finetuned: Path, tmp_path: Path) -> None:
    """The run's own data are free; the backbone that it began with was trained on others."""
    export(finetuned, tmp_path / "base" / "backbone")
    overrides = [setting for setting in small if not setting.startswith(("model", "backbone"))]
    begun = ("model=finetune", f"backbone.path={tmp_path}/base/backbone", "run=[fit]")
    ran(tmp_path / "run", *overrides, *begun)
    export(tmp_path / "run", tmp_path / "free")
    corpus = {"corpus": "dailydialog", "licence": Licence("CC BY-NC-SA 4.0").describe()}
    (tmp_path / "base" / "backbone" / "provenance.json").write_text(json.dumps({"behind": [{"splits": corpus}]}))
    assert "non-commercial" not in front_matter(tmp_path / "free")["tags"]
    export(tmp_path / "run", tmp_path / "free")
    assert "non-commercial" in front_matter(tmp_path / "free")["tags"]
    assert "Training began with weights of DailyDialog." in (tmp_path / "free" / "README.md").read_text()
    (handed_on,) = json.loads((tmp_path / "free" / "provenance.json").read_text())["behind"]
    assert handed_on == {"splits": corpus}, "whoever goes on from this folder is told too"
    corpus = {"corpus": "jpersonachat", "licence": NTT_EVALUATION.describe()}
    (tmp_path / "base" / "backbone" / "provenance.json").write_text(json.dumps({"data": corpus}))
    with pytest.raises(UserError, match="NTT"):
        export(tmp_path / "run", tmp_path / "refused")


def test_mistakes_end_in_a_paragraph(
    lora_run: Path, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for given, complaint in (
        ([str(tmp_path / "nowhere")], "There is no folder"),
        ([str(lora_run / "adapters")], "no config.yaml"),
        ([str(lora_run), "--merge"], "--merge was given"),
        ([str(finetuned), "--user", "ann"], "trained no adapters"),
        ([str(finetuned), "--base-model", "gpt2"], "--base-model gpt2 was given"),
        ([str(lora_run), "--base-model", "/models/x"], "expected a hub id"),
    ):
        monkeypatch.setattr("sys.argv", ["zoo.export", given[0], str(tmp_path / "out"), *given[1:]])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert complaint in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "net",
    [
        "{_target_: os.system, command: ls}",
        "{_target_: zoo.export.shutil.rmtree, path: VICTIM}",  # by way of a module that a module of ours imports
        "{_target_: zoo.launch.subprocess.Popen, args: ls}",
        "{_target_: subprocess.Popen, args: ls}",  # a class, of nobody's parts
        "{_target_: zoo.files.write_atomically, path: VICTIM, pieces: []}",  # ours, and no part of a model
        "{_target_: zoo.no_such.Thing}",
        r"""'\${oc.create:"{_target_: zoo.files.write_atomically, path: VICTIM, pieces: []}"}'""",  # late
    ],
)
@pytest.mark.parametrize("is_run", [False, True])  # exported, or as run.py leaves it
def test_a_strangers_folder_builds_nothing_else(net: str, is_run: bool, tmp_path: Path) -> None:
    if is_run:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "best.ckpt").touch()
    victim = tmp_path / "victim"
    victim.mkdir()
    settings = f"exported: net\nseed: 1\nmodel:\n  metrics: {{metrics: {{}}}}\n  net: {net}\n"
    (tmp_path / "config.yaml").write_text(settings.replace("VICTIM", str(victim)))
    with pytest.raises(UserError, match=r"would build .*do not load it"):
        zoo.load(tmp_path)
    assert victim.is_dir()


@pytest.mark.parametrize("target", ["stranger.evil.Net", "evil.Net", "stranger.Net"])
@pytest.mark.parametrize("at", ["", "stranger"])
def test_a_strangers_code_is_not_run_to_see_what_it_is(
    target: str, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules are looked for where a command was started, in folders without __init__.py too."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    for module in ("evil", "__init__"):
        (folder / f"{module}.py").write_text(f"open({str(tmp_path / 'was run')!r}, 'w')\n")
    (folder / "config.yaml").write_text(
        f"exported: net\nseed: 1\nmodel:\n  metrics: {{metrics: {{}}}}\n  net: {{_target_: {target}}}\n"
    )
    monkeypatch.chdir(tmp_path / at)
    monkeypatch.syspath_prepend("")  # as `python -m` has it
    with pytest.raises(UserError, match="would build"):
        zoo.load(folder)
    assert not (tmp_path / "was run").exists()


def test_a_class_of_ones_own_is_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies where the command was started, and derives from a part."""
    (tmp_path / "own_parts.py").write_text("import torch\n\n\nclass Mine(torch.optim.AdamW): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    check_parts({"_target_": "own_parts.Mine"}, tmp_path / "run" / "config.yaml")
