"""Streaming: every pair once, the same batches after a resume, bounded memory, and what broken shards get."""

import gzip
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.data.corpora import JsonlCorpus
from zoo.data.records import DialogueExample
from zoo.data.shards import find_shards, read_lines
from zoo.data.stream_loader import StreamLoader
from zoo.data.streamed import NOTHING, StreamedDataModule
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

WORDS = ["a", "cat", "sat", "on the", "mat ,", "then", "it", "went out", "to see what", "others", "were", "doing ."]


def pair(number: int) -> dict:
    """A reply pair; the response names its number, and lengths vary from pair to pair."""
    draw = random.Random(number)
    said = " ".join(draw.choices(WORDS, k=draw.randint(1, 40)))
    return {
        "id": f"pair-{number}",
        "speakers": [
            {"user": "ben", "profile": {"age": "30s"}},
            {"user": f"anna {number % 7}", "persona": ["i sing ."]},
        ],
        "utterances": [{"speaker": 0, "text": said}, {"speaker": 1, "text": f"reply {number}" + " yes" * (number % 9)}],
    }


def write_shards(folder: Path, sizes: Sequence[int], compress: bool = False) -> str:
    """Numbered pairs in shards of these sizes; the pattern that finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for shard, size in enumerate(sizes):
        lines = [json.dumps(pair(number + i)) + "\n" for i in range(size)]
        number += size
        raw = "".join(lines).encode()
        name = f"train-{shard:03d}.jsonl"
        (folder / (name + ".gz" if compress else name)).write_bytes(gzip.compress(raw) if compress else raw)
    (folder / "valid.jsonl").write_text("".join(json.dumps(pair(10**6 + i)) + "\n" for i in range(5)))
    return str(folder / "train-*")


@pytest.fixture
def streamed(small_tokenizer: Callable, tmp_path: Path) -> Callable[..., StreamedDataModule]:
    """`streamed(pattern, ...)`: a datamodule over shards."""

    def make(pattern: str, **options) -> StreamedDataModule:
        template = DialogueTemplate(small_tokenizer(), max_response_tokens=40)
        corpus = JsonlCorpus(Path(pattern).parent)
        options = {"batch_size": 8, "buffer_size": 48, "cache_dir": tmp_path / "cache"} | options
        return StreamedDataModule(corpus, template, pattern, **options)

    return make


def loader_of(data: StreamedDataModule, **options) -> StreamLoader:
    """Its loader at another place than the first of one process."""
    settings = {"batch_size": data.batch_size, "buffer_size": data.buffer_size, "seed": data.seed} | options
    shards, nothing = find_shards(data.train_files), data.template.encode(NOTHING)
    return StreamLoader(shards, data.encode_lines, nothing, data.template.pad_id, **settings)


def numbers(data: StreamedDataModule, batch) -> list[int]:
    """Which pairs a batch holds."""
    return [int(data.template.decode(ids).split()[1]) for ids in batch.response]


def ids(batch) -> list:
    """All token ids of a batch."""
    return [batch.persona.tolist(), batch.context.tolist(), batch.response.tolist(), batch.tokens_per_step]


@pytest.mark.parametrize("compress", [False, True])
def test_every_pair_once_an_epoch_in_another_order(streamed: Callable, tmp_path: Path, compress: bool) -> None:
    data = streamed(write_shards(tmp_path / "s", [70, 0, 31, 2], compress))  # an empty shard is fine
    loader = data.train_dataloader()
    epochs = [[numbers(data, batch) for batch in loader] for _ in range(2)]
    for epoch in epochs:
        assert sorted(n for batch in epoch for n in batch) == list(range(103))
        assert sorted(map(len, epoch)) == [7, *[8] * 12]
    assert epochs[0] != epochs[1]
    assert [[numbers(data, batch) for batch in data.train_dataloader()]] == epochs[:1], "the seed decides"
    assert [numbers(data, batch) for batch in streamed(data.train_files, seed=1).train_dataloader()] != epochs[0]


def test_similar_lengths_meet_and_the_order_is_not_that_of_the_file(streamed: Callable, tmp_path: Path) -> None:
    data = streamed(write_shards(tmp_path / "s", [400]), buffer_size=400)
    batches = list(data.train_dataloader())
    padded = sum(batch.context_mask.numel() for batch in batches)
    assert 1 - sum(int(batch.context_mask.sum()) for batch in batches) / padded < 0.25  # in file order: 0.45
    first = numbers(data, batches[0])
    assert max(first) - min(first) > 100


def trained_on(loader: StreamLoader) -> Iterator:
    """An epoch's batches as Lightning uses them: the next one is fetched before."""
    iterator = iter(loader)
    ahead = next(iterator, None)
    while (batch := ahead) is not None:
        ahead = next(iterator, None)
        loader.used()
        yield batch


def test_a_resumed_stream_gives_the_same_tokens(streamed: Callable, tmp_path: Path) -> None:
    """Wherever it stops: within a buffer, at its end, in a block of lines shared by buffers, in the second epoch."""
    pattern = write_shards(tmp_path / "s", [70, 31, 2])
    whole = streamed(pattern).train_dataloader()
    expected = [ids(batch) for _ in range(2) for batch in whole]
    assert len(expected) == 26
    for stop in (1, 5, 6, 7, 13, 20):
        stopped, left = streamed(pattern).train_dataloader(), stop
        while left:
            for batch in trained_on(stopped):
                assert ids(batch) == expected[stop - left]
                left -= 1
                if not left:
                    break
        state = json.loads(json.dumps(stopped.state_dict()))  # nothing but plain types
        resumed = streamed(pattern).train_dataloader()
        resumed.load_state_dict(state)
        rest = [ids(batch) for batch in resumed]
        if stop < 13:
            rest += [ids(batch) for batch in resumed]
        assert rest == expected[stop:], f"after {stop} batches"


def test_accumulated_parts_make_the_same_batches(streamed: Callable, tmp_path: Path) -> None:
    data = streamed(write_shards(tmp_path / "s", [50]))
    whole = [(sorted(numbers(data, batch)), batch.tokens_per_step) for batch in loader_of(data)]
    parts = list(loader_of(data, accumulate=4))
    assert len(parts) == 4 * len(whole)
    for step, (expected, tokens) in enumerate(whole):
        own = parts[4 * step : 4 * step + 4]
        real = [batch for batch in own if batch.tokens_per_step != float("inf")]
        assert sorted(n for batch in real for n in numbers(data, batch)) == expected
        assert {batch.tokens_per_step for batch in real} == {tokens / 4}
        assert len(real) == 4 if len(expected) >= 4 else len(expected)


@pytest.mark.parametrize(("shards", "world"), [([30, 5, 11, 4], 2), ([30, 5, 11], 2), ([9], 4), ([3, 3, 3], 3)])
def test_processes_share_the_lines(tmp_path: Path, shards: list[int], world: int) -> None:
    found = find_shards(write_shards(tmp_path, shards))
    for epoch in range(2):
        dealt = [[json.loads(line["raw"])["id"] for line in found.lines(0, epoch, r, world)] for r in range(world)]
        assert sorted(name for own in dealt for name in own) == sorted(f"pair-{n}" for n in range(sum(shards)))
        if len(shards) % world:
            assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_longer_dialogues_fill_buffers_exactly(streamed: Callable, tmp_path: Path) -> None:
    """Three replies a line: a buffer ends inside a line, and nothing is lost or repeated, resumed or not."""
    folder = tmp_path / "s"
    pattern = write_shards(folder, [0])
    lines = []
    for number in range(40):
        line = pair(number)
        line["utterances"] = [{"speaker": i % 2, "text": f"reply {3 * number + i // 2}"} for i in range(6)]
        lines.append(json.dumps(line) + "\n")
    (folder / "train-001.jsonl").write_text("".join(lines))
    data = streamed(pattern, buffer_size=16)
    expected = [numbers(data, batch) for batch in data.train_dataloader()]
    assert sorted(n for batch in expected for n in batch) == list(range(120))
    assert {len(batch) for batch in expected} == {8}
    stopped, resumed = data.train_dataloader(), streamed(pattern, buffer_size=16).train_dataloader()
    for _, _batch in zip(range(5), stopped, strict=False):
        stopped.used()
    resumed.load_state_dict(stopped.state_dict())
    assert [numbers(data, batch) for batch in resumed] == expected[5:]


def test_profiles_and_personas_reach_the_template(streamed: Callable, tmp_path: Path) -> None:
    seen: list[DialogueExample] = []

    class Printing(DialogueTemplate):
        """Prints the partner's profile into the persona, as a template of profiles would."""

        def encode_all(self, examples: Sequence[DialogueExample]) -> list:
            seen.extend(examples)
            shown = [replace(e, persona=(*e.persona, *e.partner_profile.values())) for e in examples]
            return super().encode_all(shown)

    data = streamed(write_shards(tmp_path / "s", [9]))
    data.template = Printing(data.template.tokenizer)
    batch = next(iter(data.train_dataloader()))
    assert {example.user for example in seen if example.id != "nothing/1"} > {"anna 0", "anna 6"}
    words = data.template.tokenizer.decode(batch.persona[0][batch.persona_mask[0]])
    assert "i sing" in words
    assert "30s" in words


def test_memory_does_not_grow_with_the_stream(
    streamed: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peak of what Python allocates over a whole pass after the first buffer: 20 buffers against 5."""
    monkeypatch.setattr("zoo.data.shuffle_buffer.LINES_AT_ONCE", 32)
    peaks = []
    for size in (320, 1280):
        data = streamed(write_shards(tmp_path / str(size), [size]), buffer_size=64, batch_size=32)
        loader, seen = data.train_dataloader(), 0
        tracemalloc.start()
        for batch in loader:
            loader.used()
            if not seen:
                tracemalloc.reset_peak()
            seen += len(batch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert seen == size
    assert peaks[1] < 1.1 * peaks[0]


def test_what_a_run_asks_of_it(streamed: Callable, tmp_path: Path) -> None:
    data = streamed(write_shards(tmp_path / "s", [5, 4]))
    data.setup("fit")
    assert data.users == [""]
    assert data.lengths("train").tolist() == [[512, 512, 40]]
    assert data.lengths("valid").shape == (5, 3)
    assert sum(len(batch) for batch in data.val_dataloader()) == 5
    assert data.example("val", 0).profile == {}
    assert data.example("val", 0).partner_profile == {"age": "30s"}
    record = data.provenance()["splits"]
    assert set(record["train"]["corpus"]["files"]) == {"train-000.jsonl", "train-001.jsonl"}
    assert record["valid"]["examples"] == 5
    json.dumps(record)
    data.template.persona = "none"
    assert data.lengths("train").tolist() == [[0, 512, 40]]
    data.template.persona, data.template.max_persona_tokens = "self", None
    with pytest.raises(UserError, match="max_persona_tokens=null"):
        data.lengths("train")
    with pytest.raises(UserError, match="streamed and has no table"):
        data.table("train")


# -- what bad input gets ----------------------------------------------------------------------------------------------


def test_no_file_matches(streamed: Callable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere-\*\.jsonl matches no file.*expected a pattern"):
        streamed(f"{tmp_path}/nowhere-*.jsonl").setup("fit")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-30], r"train-001\.jsonl ends in the middle of line 4: it was cut short"),
        (lambda raw: raw.replace(b'"text"', b'"txt"', 3), r"train-001\.jsonl, line 1: utterances\[0\]"),
        (lambda raw: raw.replace(b"\n", b"\n{broken\n", 1), r"train-001\.jsonl, line 2: "),
        (lambda raw: raw.replace(b"reply 5", b"\xff", 1), r"train-001\.jsonl, line 3: .*utf-8"),
    ],
)
def test_a_broken_line_is_named(streamed: Callable, tmp_path: Path, damage: Callable, message: str) -> None:
    pattern = write_shards(tmp_path / "s", [3, 4])
    path = tmp_path / "s" / "train-001.jsonl"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        list(streamed(pattern).train_dataloader())


def test_a_missing_line_end_alone_is_no_mistake(streamed: Callable, tmp_path: Path) -> None:
    data = streamed(write_shards(tmp_path / "s", [3]))
    path = tmp_path / "s" / "train-000.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert sorted(n for batch in data.train_dataloader() for n in numbers(data, batch)) == [0, 1, 2]


@pytest.mark.parametrize(("cut", "reached"), [(slice(None, -400), "beyond line [1-9]"), (slice(0, 5), "beyond line 0")])
def test_a_truncated_gzip_shard_is_named(tmp_path: Path, cut: slice, reached: str) -> None:
    write_shards(tmp_path, [900], compress=True)
    path = tmp_path / "train-000.jsonl.gz"
    path.write_bytes(path.read_bytes()[cut])
    with pytest.raises(UserError, match=rf"train-000\.jsonl\.gz cannot be read {reached}.*ended before"):
        list(read_lines([str(path)]))


def test_shards_without_a_reply_are_refused(streamed: Callable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no reply to learn"):
        list(streamed(write_shards(tmp_path / "s", [0, 0])).train_dataloader())


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"seed": 1}, "seed: 0 -> 1"), ({"buffer_size": 64}, "data.buffer_size: 48 -> 64"),
     ({"world_size": 2}, "number of processes: 1 -> 2")],
)  # fmt: skip
def test_another_stream_does_not_go_on(streamed: Callable, tmp_path: Path, changed: dict, message: str) -> None:
    data = streamed(write_shards(tmp_path / "s", [40]))
    state = loader_of(data).state_dict()
    with pytest.raises(UserError, match=f"other settings .*{message}"):
        loader_of(data, **changed).load_state_dict(state)
    write_shards(tmp_path / "s", [40, 3])
    with pytest.raises(UserError, match="shards: "):
        loader_of(data).load_state_dict(state)


@pytest.mark.parametrize(("options", "message"), [({"batch_size": 9, "accumulate": 2}, "batch_size=8 or 10"),
                                                  ({"buffer_size": 4}, "buffer_size=4 was given")])  # fmt: skip
def test_sizes_that_do_not_fit(streamed: Callable, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        loader_of(streamed(write_shards(tmp_path / "s", [40])), **options)
