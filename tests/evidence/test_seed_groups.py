"""Which runs differ in nothing but their seed, and what their groups are called."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from zoo.errors import UserError
from zoo.evidence.seed_groups import DEFAULTS, differing, read_groups, read_run
from zoo.metrics.results import write_results


def write_run(
    folder: Path, seed: int, typed: str = "", evaluation: dict[str, Any] | None = None, **settings: Any
) -> str:
    """A run directory without texts; settings `a__b` are `a.b`."""
    config = {
        "seed": seed,
        "run_dir": f"/elsewhere/{folder.name}",
        "logger": {"csv": {"save_dir": f"/elsewhere/{folder.name}", "name": folder.name}},
        "callbacks": {"seed_every_batch": {"seed": seed}, "best": {"dirpath": f"/elsewhere/{folder.name}/checkpoints"}},
        "data": {"cut_seed": 36, "corpus": {"seed": 36}, "datamodule": {"seed": seed, "cache_dir": folder.name}},
        "source": {"saved": f"outputs/base-{seed}/source", "steps": [], "half": None},
        "optimizer": {"lr": 0.001},
    }
    merged = OmegaConf.create(config)
    for key, value in settings.items():
        OmegaConf.update(merged, key.replace("__", "."), value)
    write_results(folder / "metrics.json", {"test/ppl_token": 3.0}, {"ppl_token": 1}, 1, seed)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(merged))
    if evaluation is not None:
        (folder / "evaluation.yaml").write_text(OmegaConf.to_yaml(OmegaConf.merge(merged, evaluation)))
    (folder / "overrides.txt").write_text("".join(f"{line}\n" for line in (*typed.split(), f"seed={seed}")))
    return str(folder)


def groups(given: list[str]) -> dict[str, list[int]]:
    """Seeds by the group's name."""
    return {name: [run.seed for run in runs] for name, runs in read_groups(given).items()}


def test_what_follows_from_the_seed_does_not_count(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(seed), seed, "model=paa data=convai2 optimizer.lr=1e-3") for seed in (37, 36, 38)]
    assert groups(runs) == {"model=paa data=convai2": [37, 36, 38]}
    assert differing(read_run(tmp_path / "37"), read_run(tmp_path / "36")) == {}


def test_names_tell_what_distinguishes(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a36", 36, "data=convai2 model=paa hydra.sweep.dir=x logger=wandb source.saved=base-36"),
        write_run(
            tmp_path / "b36", 36, "data=convai2 model=paa ++optimizer.lr=1e-4 ~callbacks.best", optimizer__lr=1e-4
        ),
        write_run(tmp_path / "a37", 37, "data=convai2 model=paa hydra.sweep.dir=y source.saved=base-37"),
        write_run(
            tmp_path / "b37", 37, "data=convai2 model=paa ++optimizer.lr=1e-4 ~callbacks.best", optimizer__lr=1e-4
        ),
    ]
    assert groups(runs) == {
        "optimizer.lr=0.001": [36, 37],
        "optimizer.lr=1e-4 ~callbacks.best": [36, 37],
    }


def test_names_where_nothing_was_typed(tmp_path: Path) -> None:
    plain = [write_run(tmp_path / f"a{seed}", seed) for seed in (1, 2)]
    assert groups(plain) == {DEFAULTS: [1, 2]}
    beam = write_run(tmp_path / "beam", 1, evaluation={"decoding": {"num_beams": 5}})
    changed = write_run(tmp_path / "changed", 1, source__half="personal")
    assert groups([*plain, beam, changed]) == {
        DEFAULTS: [1, 2],
        f"{DEFAULTS} decoding.num_beams=5": [1],
        f"{DEFAULTS} source.half=personal": [1],
    }


def test_a_seed_that_is_a_setting_counts(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(seed), 36, f"data.cut_seed={seed}", data__cut_seed=seed) for seed in (1, 2)]
    assert groups(runs) == {"data.cut_seed=1": [36], "data.cut_seed=2": [36]}


def test_given_names_count(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / f"a{seed}", seed, optimizer__lr=seed) for seed in (1, 2))
    third = write_run(tmp_path / "model=paa", 3)
    assert groups([f"both={one},{other}", third]) == {"both": [1, 2], DEFAULTS: [3]}
    assert list(differing(read_run(Path(one)), read_run(Path(other)))) == ["optimizer.lr"]
    assert groups([f"{DEFAULTS}={one}", third]) == {DEFAULTS: [1], f"{DEFAULTS} (found)": [3]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", "b", "./a"], "The run a was given twice|The run ./a was given twice"),
        (["x=a", "y=./a"], "The run a was given twice"),
        (["x=a,./a"], "x= names the run a more than once"),
        (["x=a", "x=b"], "x= was given twice"),
        (["x="], "expected NAME=RUN_DIR"),
        (["a", "again"], "a and again both have seed 1 and are both of the group 'the defaults'"),
        (["x=a,again"], "a and again both have seed 1"),
        (["nowhere"], "There is no folder nowhere"),
        (["unscored"], "There is no unscored/metrics.json"),
        (["unset"], "There is no unset/config.yaml"),
        (["seedless"], "seedless/config.yaml has the seed None; expected a whole number"),
    ],
)
def test_mistakes(given: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 1), ("b", 2), ("again", 1), ("unset", 1), ("unscored", 1), ("seedless", 1)):
        write_run(tmp_path / name, seed)
    (tmp_path / "unset" / "config.yaml").unlink()
    (tmp_path / "unscored" / "metrics.json").unlink()
    (tmp_path / "seedless" / "config.yaml").write_text("model: paa\n")
    with pytest.raises(UserError, match=message):
        read_groups(given)
