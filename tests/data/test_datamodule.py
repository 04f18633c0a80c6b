"""The datamodule: cached tables, batches against the template, subsets, resuming under a real Trainer."""

import errno
import logging
import pickle
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

import zoo.data.corpora
import zoo.data.table
from tests.processes import environment, forking_python, run_forked
from zoo.data.corpora import ConvAI2Corpus, DemoCorpus, JsonlCorpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.examples import examples_from_dialogues
from zoo.data.jsonl import write_jsonl
from zoo.data.records import Dialogue, Speaker, Utterance
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError


class Twelve:
    """A corpus with nothing but `load`; every second reply has candidates, every side a user."""

    def __init__(self, dialogues: list[Dialogue]):
        self.dialogues, self.loaded = dialogues, 0

    def load(self, split: str) -> list[Dialogue]:
        self.loaded += 1
        return [self.ranked(dialogue) for dialogue in self.dialogues[{"train": 0, "valid": 8, "test": 10}[split] :]]

    def ranked(self, dialogue: Dialogue) -> Dialogue:
        said = [
            replace(u, candidates=("i do not know .", u.text) if place % 4 == 1 else ())
            for place, u in enumerate(dialogue.utterances)
        ]
        user = f"user {dialogue.id.split(':')[1]}"
        return replace(dialogue, utterances=tuple(said), speakers=(Speaker(), replace(dialogue.speakers[1], user=user)))


@pytest.fixture
def make(tmp_path, twelve, small_tokenizer):
    def datamodule(corpus=None, **options) -> DialogueDataModule:
        options = {"batch_size": 8, "eval_batch_size": 5, "cache_dir": tmp_path / "cache", **options}
        return DialogueDataModule(corpus or Twelve(twelve), DialogueTemplate(small_tokenizer()), **options)

    return datamodule


def rows_of(loader) -> list[int]:
    return [row for batch in loader for row in batch.example_id.tolist()]


def test_batches_are_what_the_template_gives(make, twelve):
    data = make(num_workers=0, pad_left=("persona", "context"))
    data.setup()
    examples = examples_from_dialogues(Twelve(twelve).load("train"))
    seen = []
    for batch in data.train_dataloader():
        assert batch.pad_id == data.template.pad_id
        for place, row in enumerate(batch.example_id.tolist()):
            seen.append(row)
            encoded = data.template.encode(examples[row])
            assert data.example("train", row) == examples[row]
            assert data.users[batch.user[place]] == examples[row].user
            for segment in ("persona", "context", "response"):
                mask = getattr(batch, f"{segment}_mask")[place]
                assert getattr(batch, segment)[place][mask].tolist() == getattr(encoded, segment)
                assert mask[-1 if segment != "response" else 0]  # padded on the left
            assert batch.num_words[place] == len(examples[row].response.split())
            assert batch.num_characters[place] == len(examples[row].response)
            if encoded.candidates:
                gold = batch.gold[place]
                assert batch.candidates[place, gold][batch.candidates_mask[place, gold]].tolist() == encoded.response
            else:
                assert batch.gold[place] == -1
                assert not batch.candidates_mask[place].any()
    assert sorted(seen) == list(range(47))
    assert len(data.users) == 12
    assert sorted(rows_of(data.val_dataloader())) == list(range(12))
    assert data.example("val", 3) == examples_from_dialogues(Twelve(twelve).load("valid"))[3]


def test_workers_give_the_same_batches(make):
    alone, helped = make(), make(num_workers=2)
    for data in (alone, helped):
        data.setup("fit")
    one, other = list(alone.train_dataloader()), list(helped.train_dataloader())
    assert len(one) == len(other) == 6
    for left, right in zip(one, other, strict=True):
        assert left.context.equal(right.context)
        assert left.tokens_per_step == right.tokens_per_step == left.response_mask.sum()


def test_loading_touches_no_global_randomness(make):
    data = make()
    data.setup()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    rows_of(data.train_dataloader()), rows_of(data.val_dataloader())
    assert before.equal(torch.get_rng_state())


def test_tokenised_once_and_again_when_anything_changes(make, twelve, tmp_path, twelve_file):
    corpus = ConvAI2Corpus(tmp_path, train_file=twelve_file, valid_file=twelve_file, download=False)
    data = make(corpus)
    data.setup()
    assert len({path.name for path in data.cache_dir.iterdir()}) == 1  # three splits, one file
    corpus.load = None  # nothing reads the corpus any more
    make(corpus).setup()
    make(corpus, train_percent=10, order="sorted_desc", batch_size=4).setup()  # these need no other table
    for changed in (make(corpus, max_exchanges=1), make(corpus, users="persona"), make(corpus, history="reference")):
        with pytest.raises(TypeError):
            changed.setup()
    longer = tmp_path / "longer.txt"
    longer.write_text(twelve_file.read_text() + "1 hi\thello\n")
    grown = make(ConvAI2Corpus(tmp_path, train_file=longer, valid_file=twelve_file, download=False))
    grown.setup("fit")
    assert len(grown.table("train")) == 48
    assert grown.provenance()["splits"]["train"]["corpus"]["files"].keys() == {"longer.txt"}


def test_subsets_orders_and_samples(make):
    data = make(train_percent=20, seed=3)
    data.setup()
    rows = data.train_rows()
    assert len(rows) == 9
    assert sorted(rows_of(data.train_dataloader())) == rows == make(train_percent=20, seed=3).train_rows()
    assert rows != make(train_percent=20, seed=4).train_rows()
    longest = make(train_percent=20, subset_rule="longest_first", order="sorted_desc")
    lengths = [len(longest.template.context_text(longest.example("train", row))) for row in longest.train_rows()]
    everything = [len(longest.template.context_text(longest.example("train", row))) for row in range(47)]
    assert lengths == sorted(everything, reverse=True)[:9]
    sample = make(max_eval_examples=5)
    assert rows_of(sample.val_dataloader()) != rows_of(sample.val_dataloader())[:4]
    assert (
        sorted(rows_of(sample.val_dataloader()))
        == sample.eval_rows("valid")
        == make(max_eval_examples=5, seed=7).eval_rows("valid")
    ), "the same for every seed"


@pytest.mark.parametrize("split", ["valid", "test"])
def test_the_releases_order_holds_in_evaluation(make, split):
    data = make(DemoLike(make().corpus.dialogues), order="sorted_desc", eval_batch_size=3)
    loader = data.val_dataloader() if split == "valid" else data.test_dataloader()
    batches = [batch.example_id.tolist() for batch in loader]
    total = len(data.table(split))
    characters = [len(data.template.context_text(data.example(split, row))) for row in range(total)]
    rows = sorted(range(total), key=lambda row: (-characters[row], row))
    assert batches == [rows[first : first + 3] for first in range(0, total, 3)]
    by_tokens = make(eval_batch_size=3)
    lengths = by_tokens.table(split).lengths.sum(axis=1)
    shuffled = rows_of(by_tokens.val_dataloader() if split == "valid" else by_tokens.test_dataloader())
    assert [lengths[row] for row in shuffled] == sorted(lengths, reverse=True)
    sample = make(order="sorted_desc", max_eval_examples=4)
    assert rows_of(sample.val_dataloader()) == sample.eval_rows("valid")
    assert sorted(sample.eval_rows("valid")) == make(max_eval_examples=4).eval_rows("valid")
    assert sample.eval_rows("valid") == [
        row for row in make(order="sorted_desc").eval_rows("valid") if row in sample.eval_rows("valid")
    ]


def test_a_cut_response_tells_the_words_it_kept(make, small_tokenizer):
    data = make()
    data.template = DialogueTemplate(small_tokenizer(), max_response_tokens=6)
    cut = 0
    for batch in data.test_dataloader():
        for place, row in enumerate(batch.example_id.tolist()):
            reference = data.example("test", row).response
            kept = data.template.decode(batch.response[place])
            scored = kept if len(data.template.spaced(reference)) > len(kept) else reference
            cut += scored != reference
            assert batch.num_words[place] == len(scored.split())
            assert batch.num_characters[place] == len(scored)
    assert cut


class Remote(Twelve):
    """Has users, or not, and notes what it is asked to fetch."""

    def __init__(self, dialogues: list[Dialogue], users: bool):
        super().__init__(dialogues)
        self.users, self.asked = users, []

    def prepare(self, splits) -> None:
        self.asked.append(tuple(splits))

    def ranked(self, dialogue: Dialogue) -> Dialogue:
        return super().ranked(dialogue) if self.users else dialogue


@pytest.mark.parametrize("users", [False, True])
def test_what_setup_opens_is_prepared(make, tmp_path, twelve, users):
    corpus = Remote(twelve, users)
    data = make(corpus)
    trainer(tmp_path).test(Recorder(), datamodule=data, verbose=False)
    everything = ("train", "valid", "test")
    assert corpus.asked == ([("test",), everything] if users else [("test",)])
    assert set(data._tables) == set(everything if users else ("test",))
    trainer(tmp_path, max_epochs=1).fit(Recorder(), datamodule=make(corpus))
    assert ("train", "valid") in corpus.asked


def test_a_test_run_needs_no_training_file(make, tmp_path, twelve_file, monkeypatch):
    def offline(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(zoo.data.corpora, "fetch", offline)
    corpus = ConvAI2Corpus(tmp_path, valid_file=twelve_file)
    tester = Recorder()
    trainer(tmp_path).test(tester, datamodule=make(corpus), verbose=False)
    assert sorted(tester.tested) == list(range(47))
    with pytest.raises(AssertionError, match="the network"):
        trainer(tmp_path).fit(Recorder(), datamodule=make(corpus))


def test_users_have_one_row_in_every_stage(make, twelve):
    fit, test = make(), make()
    fit.setup("fit")
    test.setup("test")
    assert fit.users == test.users
    assert "user 11" in test.users
    plain = make(DemoLike(twelve))
    plain.setup("test")
    assert plain.users == [""]
    assert set(plain._tables) == {"test"}  # nobody is named: the big train split need not be tokenised


class DemoLike(Twelve):
    def ranked(self, dialogue: Dialogue) -> Dialogue:
        return dialogue


def test_other_corpora(make, tmp_path, twelve):
    for name in ("train", "valid"):
        write_jsonl(twelve, tmp_path / f"{name}.jsonl")
    data = make(JsonlCorpus(tmp_path))
    data.setup()
    assert len(data.table("test")) == 47
    demo = make(DemoCorpus(seed=1))
    assert len(demo.table("test")) > 100
    with pytest.raises(UserError, match="cannot be read"):
        make(JsonlCorpus(tmp_path, test_file="absent.jsonl")).setup("test")


def test_a_corpus_without_replies(make):
    opener = Dialogue("d", (Speaker(), Speaker()), (Utterance(1, "hi"),))
    with pytest.raises(UserError, match="no reply"):
        make(DemoLike([opener])).setup("fit")


def test_truncation_is_counted_and_logged(make, small_tokenizer, caplog):
    data = make()
    data.template = DialogueTemplate(small_tokenizer(), max_context_tokens=20)
    with caplog.at_level(logging.WARNING):
        data.setup("fit")
    cut = data.provenance()["splits"]["train"]["examples_truncated"]
    assert 0 < cut < 47
    assert f"train: {cut} of 47 examples" in caplog.text


def test_users_are_mixed_by_a_temperature(make):
    data = make(users="persona", temperature=10.0, batch_size=4)
    data.setup("fit")
    data.trainer = Trainer(logger=False, accelerator="cpu", barebones=True)
    rows = [int(row) for batch in data.train_dataloader() for row in batch.example_id]
    assert len(rows) == len(data.train_rows())
    assert len(set(rows)) < len(rows)  # drawn with replacement


def test_padding_is_logged(make, caplog):
    data = make()
    with caplog.at_level(logging.INFO):
        fraction = data.train_dataloader().batch_sampler.padding_fraction
    assert f"47 examples in 6 steps of 8, {100 * fraction:.1f} % padding" in caplog.text


def test_bad_options_and_places(make, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="pad_left"):
        make(pad_left=("history",))
    with pytest.raises(UserError, match="order="):
        make(order="random")
    with pytest.raises(UserError, match=r"data\.order=sorted_desc fixes them"):
        make(order="sorted_desc", temperature=10)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"data\.cache_dir"):
        make(cache_dir=tmp_path / "file" / "cache").setup("fit")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zoo.data.table, "_save", full)
    with pytest.raises(UserError, match=r"No space left on device.*Free some space"):
        make().setup("fit")
    assert list((tmp_path / "cache").iterdir()) == []  # nothing half-made stays


def test_a_damaged_cache_is_named(make):
    data = make()
    data.setup("test")
    (folder,) = [path for path in data.cache_dir.iterdir() if len(list(path.iterdir())) and "test" in data._tables][:1]
    for path in data.cache_dir.iterdir():
        (path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="Delete the folder"):
        make().setup("test")
    assert folder.is_dir()


def test_several_threads_build_the_same_table(make, monkeypatch):
    together, save, failures = threading.Barrier(4, timeout=20), zoo.data.table._save, []

    def all_at_once(*arguments: object) -> None:
        save(*arguments)
        together.wait()  # nobody has moved a finished table into place yet

    monkeypatch.setattr(zoo.data.table, "_save", all_at_once)

    def build() -> None:
        try:
            assert len(make().table("train")) == 47
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name[0] == "." for path in make().cache_dir.iterdir()] == [False]


def test_tables_can_be_sent_to_workers(make):
    data = make()
    data.setup("fit")
    again = pickle.loads(pickle.dumps(data.table("train")))
    assert again[3].context.equal(data.table("train")[3].context)


# --- with a real Trainer ---


class Recorder(LightningModule):
    """Learns nothing; notes the rows of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.rows: list[tuple[int, list[int]]] = []
        self.tested: list[int] = []
        self.foretold: int | None = None

    def training_step(self, batch, _):
        self.rows.append((self.current_epoch, batch.example_id.tolist()))
        return self.weight * len(batch)

    def validation_step(self, batch, _):
        pass

    def test_step(self, batch, batch_idx):
        self.tested += batch.example_id.tolist()

    def configure_optimizers(self):
        assert self.trainer.train_dataloader is None
        self.foretold = self.trainer.datamodule.steps_per_epoch()
        assert self.trainer.train_dataloader is None  # asking made no loader
        return torch.optim.SGD(self.parameters(), lr=0.0)


def trainer(folder: Path, **options) -> Trainer:
    return Trainer(
        accelerator="cpu", default_root_dir=folder, logger=False, enable_progress_bar=False, enable_model_summary=False,
        **{"enable_checkpointing": False, "max_epochs": 3, **options},
    )  # fmt: skip


# six steps an epoch: stopped inside the first, at its end, in the second
@pytest.mark.parametrize(
    ("stopped_at", "workers", "accumulate"),
    [(2, 0, 1), (6, 0, 1), (8, 0, 1), (8, 2, 1), (2, 0, 2), (6, 0, 2), (8, 0, 2)],
)
def test_a_resumed_run_sees_the_batches_of_an_unbroken_one(make, tmp_path, stopped_at, workers, accumulate):
    whole = Recorder()
    trainer(tmp_path, accumulate_grad_batches=accumulate).fit(whole, datamodule=make(num_workers=workers))
    assert len(whole.rows) == 18 * accumulate
    assert len({tuple(rows) for _, rows in whole.rows}) > 12 * accumulate  # epochs differ

    stopped, resumed = Recorder(), Recorder()
    saving = ModelCheckpoint(tmp_path / "saved", every_n_train_steps=stopped_at, save_top_k=-1, filename="{step}")
    trainer(
        tmp_path, accumulate_grad_batches=accumulate, max_epochs=-1, max_steps=stopped_at, enable_checkpointing=True,
        callbacks=[saving],
    ).fit(stopped, datamodule=make(num_workers=workers))  # fmt: skip
    path = tmp_path / "saved" / f"step={stopped_at}.ckpt"
    trainer(tmp_path, accumulate_grad_batches=accumulate).fit(
        resumed, datamodule=make(num_workers=workers), ckpt_path=path, weights_only=True
    )
    assert stopped.rows + resumed.rows == whole.rows


def test_a_run_resumed_from_the_end_of_an_epoch(make, tmp_path):
    whole, stopped, resumed = Recorder(), Recorder(), Recorder()
    trainer(tmp_path).fit(whole, datamodule=make())
    saving = ModelCheckpoint(tmp_path / "saved", save_last=True, save_on_train_epoch_end=True)
    trainer(tmp_path, max_epochs=1, enable_checkpointing=True, callbacks=[saving]).fit(stopped, datamodule=make())
    trainer(tmp_path).fit(resumed, datamodule=make(), ckpt_path=tmp_path / "saved" / "last.ckpt")
    assert stopped.rows + resumed.rows == whole.rows


def test_limits_and_overfitting(make, tmp_path):
    limited, overfit = Recorder(), Recorder()
    trainer(tmp_path, limit_train_batches=2).fit(limited, datamodule=make())
    assert [epoch for epoch, _ in limited.rows] == [0, 0, 1, 1, 2, 2]
    assert len({tuple(rows) for _, rows in limited.rows}) == 6  # another order every epoch
    trainer(tmp_path, overfit_batches=2).fit(overfit, datamodule=make())
    assert len({tuple(rows) for _, rows in overfit.rows}) == 2


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "options"),
    [
        (8, 1, {}),
        (8, 4, {}),
        (12, 3, {}),  # 47 = 4 x 12 - 1
        (9, 3, {}),  # the last two examples are too few for three parts
        (8, 1, {"limit_train_batches": 4}),
        (8, 1, {"limit_train_batches": 400}),
        (8, 1, {"limit_train_batches": 0.5}),
        (8, 2, {"limit_train_batches": 5}),  # the third step has one part only
        (8, 4, {"limit_train_batches": 0.4}),  # 9.6 of 24
        (8, 2, {"limit_train_batches": 1}),
        (8, 2, {"limit_train_batches": 1.0}),
        (8, 2, {"limit_train_batches": 0}),
        (8, 2, {"overfit_batches": 3}),
        (8, 2, {"fast_dev_run": 3}),
    ],
)
def test_steps_per_epoch_are_those_of_the_trainer(make, tmp_path, batch_size, accumulate, options):
    module, data = Recorder(), make(batch_size=batch_size)
    running = trainer(tmp_path, accumulate_grad_batches=accumulate, max_epochs=2, **options)
    running.fit(module, datamodule=data)
    epochs = 1 if "fast_dev_run" in options else 2
    assert running.global_step == epochs * module.foretold == epochs * data.steps_per_epoch()


def test_steps_per_epoch_without_a_trainer(make):
    assert make().steps_per_epoch() == 6
    assert make(train_percent=20).steps_per_epoch() == 2


def test_a_global_batch_that_does_not_divide(make, tmp_path):
    with pytest.raises(UserError, match=r"data\.batch_size=6 or 9"):
        trainer(tmp_path, accumulate_grad_batches=3).fit(Recorder(), datamodule=make())


# --- on the official validation file ---


@pytest.mark.slow
def test_official_file_pads_little_and_opens_fast(convai2_valid, gpt2_tokenizer, tmp_path):
    def datamodule() -> DialogueDataModule:
        corpus = ConvAI2Corpus(convai2_valid.parent, train_file=convai2_valid.name, download=False)
        return DialogueDataModule(corpus, DialogueTemplate(gpt2_tokenizer()), cache_dir=tmp_path)

    datamodule().setup("fit")
    second = datamodule()
    start = time.perf_counter()
    second.setup("fit")
    assert time.perf_counter() - start < 1
    batches = second.train_dataloader().batch_sampler
    padding = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        padding.append(batches.padding_fraction)
    assert max(padding) < 0.1
    assert len(batches) == 244
    total = padded = 0
    for batch in second.train_dataloader():
        masks = [batch.persona_mask, batch.context_mask, batch.response_mask]
        total += sum(int(mask.sum()) for mask in masks)
        padded += sum(mask.numel() for mask in masks)
    assert 1 - total / padded == pytest.approx(padding[0])  # what is reported is what the batches hold


# --- slow: processes of their own ---

SCRIPT = """
import sys, torch
from pathlib import Path
from lightning.pytorch import LightningModule, Trainer
from transformers import AutoTokenizer
from zoo.data.corpora import ConvAI2Corpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.template import DialogueTemplate

folder, twelve_file, devices, accumulate = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Unigram(LightningModule):
    "Token probabilities that depend on nothing, in float64."
    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(500, dtype=torch.float64))
        self.rows = []
    def training_step(self, batch, _):
        nll = -self.logits.log_softmax(0)[batch.response]
        return nll[batch.response_mask].sum() / batch.tokens_per_step
    def test_step(self, batch, _):
        self.rows += batch.example_id.tolist()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)

corpus = ConvAI2Corpus(folder, train_file=twelve_file, valid_file=twelve_file, download=False)
template = DialogueTemplate(AutoTokenizer.from_pretrained(folder / "tokenizer"))
data = DialogueDataModule(corpus, template, batch_size=8, eval_batch_size=3, cache_dir=folder / "cache")
model = Unigram()
options = dict(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
               enable_model_summary=False, num_sanity_val_steps=0, limit_val_batches=0)
trainer = Trainer(devices=devices, strategy="ddp" if devices > 1 else "auto", max_epochs=2,
                  use_distributed_sampler=False, accumulate_grad_batches=accumulate, **options)
trainer.fit(model, datamodule=data)
trainer.test(model, datamodule=data, verbose=False)
torch.save([model.logits.detach(), model.rows], folder / f"{devices}x{accumulate}.{trainer.global_rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_train_as_one_and_evaluate_everything_once(tmp_path, twelve_file, small_tokenizer):
    small_tokenizer().save_pretrained(tmp_path / "tokenizer")
    (tmp_path / "script.py").write_text(SCRIPT)
    for devices, accumulate in (("1", "1"), ("2", "1"), ("1", "4"), ("2", "2")):
        words = [tmp_path / "script.py", tmp_path, twelve_file, devices, accumulate]
        done = run_forked([str(word) for word in words], tmp_path, environment())
        assert done.returncode == 0, done.stderr[-2000:]
    alone, rows = torch.load(tmp_path / "1x1.0.pt")
    assert alone.abs().max() > 0.1
    assert sorted(rows) == list(range(47))
    for name in ("2x1.0", "2x1.1", "1x4.0", "2x2.0", "2x2.1"):
        assert torch.load(tmp_path / f"{name}.pt")[0].sub(alone).abs().max() < 1e-14
    shares = [torch.load(tmp_path / f"2x1.{rank}.pt")[1] for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == list(range(47))


@pytest.mark.slow
def test_several_processes_build_the_same_table(tmp_path, twelve_file, small_tokenizer):
    small_tokenizer().save_pretrained(tmp_path / "tokenizer")
    building = (
        SCRIPT.split("model = ")[0] + "data.setup()\nprint(sum(len(batch) for batch in data.train_dataloader()))\n"
    )
    (tmp_path / "script.py").write_text(building)
    command = [forking_python(), tmp_path / "script.py", tmp_path, twelve_file, "1", "1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in running] == ["47"] * 3
    assert len(list((tmp_path / "cache").iterdir())) == 1
