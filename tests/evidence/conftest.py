"""A small finished run that has everything reports read: a grid, parts A, B and C, test sets B and C."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from tests.conftest import ROOT, TINY
from zoo.running import run

REGULAR, FEW = {"cats": 7, "dogs": 6, "boats": 6, "bread": 8}, {"tea": 3, "cars": 4}  # persona: dialogues
PARTS = "data.sizes={A: 2, B: 2, C: 2}"


def persona(thing: str) -> list[str]:
    """Of the one who likes a thing."""
    return [f"i like {thing} .", f"i have many {thing} .", f"my friends hate {thing} ."]


def write_corpus(folder: Path) -> Path:
    """One file in ConvAI2's format: seven or so dialogues of some personas, three or four of others."""
    lines = []
    for thing, dialogues in (REGULAR | FEW).items():
        for number in range(dialogues):
            said = [f"hi {'there ' * number}.\tdo you like {thing} ?", f"no .\ti have {2 + number} {thing} ."]
            block = [f"your persona: {sentence}" for sentence in persona(thing)] + said
            lines += [f"{place} {line}\n" for place, line in enumerate(block, start=1)]
    folder.mkdir()
    (folder / "train.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def finished(zoo_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the run: LoRA for two personas of B and two of C, each under two rates."""
    folder = tmp_path_factory.mktemp("evidence")
    settings = [
        "model=lora", "data=personapkt", "data.name=convai2", f"data.root={write_corpus(folder / 'corpus')}",
        "data.train_file=train.txt", "data.source=[train]", "data.download=false", PARTS, *TINY, "learner.epochs=1",
        "learner.grid.lr=[0.001,0.1]", "decoding.max_new_tokens=4", "trainer=cpu", f"run_dir={folder / 'run'}",
    ]  # fmt: skip
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", settings)
    run(cfg)
    return folder / "run"
