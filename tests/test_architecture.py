"""The arrows between packages, the code's style and its types."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# package -> what of zoo it may import; errors, files, provenance and hub are free for all. Longest match wins.
ARROWS = {
    "zoo.errors": set(),
    "zoo.files": set(),
    "zoo.provenance": set(),
    "zoo.hub": set(),
    "zoo.data": {"zoo.data"},
    "zoo.data.synthetic_users.__main__": {"zoo.data", "zoo.launch"},
    "zoo.adapters": {"zoo.adapters"},
    "zoo.metrics": {"zoo.metrics", "zoo.scorers"},
    "zoo.models": {"zoo.models", "zoo.data.batch", "zoo.backbones", "zoo.adapters"},
    "zoo.backbones": {"zoo.data"},
    "zoo.ranking": {"zoo.models.base", "zoo.data.batch"},
    "zoo.learners": {"zoo.models.base", "zoo.data.batch", "zoo.ranking"},
    "zoo.optim": set(),
    "zoo.agreement": set(),
    "zoo.significance": set(),
    "zoo.plateau": set(),
    "zoo.users": {"zoo.users", "zoo.models.user_rows", "zoo.optim", "zoo.data.batch"},
    "zoo.module": {
        *("zoo.checkpoints", "zoo.models.base", "zoo.metrics", "zoo.learners", "zoo.plateau", "zoo.ranking", "zoo.data")
    },
    "zoo.callbacks": set(),
    "zoo.gates": {"zoo.models.fusion", "zoo.models.mask_watch"},
    "zoo.checkpoints": set(),
    "zoo.launch": set(),
    "zoo.sweeps": set(),
    "zoo.profiles": {"zoo.profiles", "zoo.data", "zoo.scorers", "zoo.language_models"},
    "zoo.profiles.report": {"zoo.profiles", "zoo.data", "zoo.evidence.plots"},
    "zoo.profiles.__main__": {"zoo.profiles", "zoo.data", "zoo.evidence.output", "zoo.launch"},
    "zoo.scorers": {"zoo.scorers"},
    "zoo.scorers.__main__": {"zoo.scorers", "zoo.launch"},
    "zoo.scorers.run": {"zoo.scorers", "zoo.checkpoints"},
    "zoo.machine": set(),
    "zoo.run_record": {"zoo.metrics.results"},
    "zoo.rundir": {"zoo.machine", "zoo.adapters", "zoo.models.adapted", "zoo.metrics", "zoo.module", "zoo.data"},
    "zoo.terminal": {"zoo.metrics", "zoo.module"},
    "zoo.stages": {"zoo.adapters", "zoo.checkpoints", "zoo.launch", "zoo.export"},
    "zoo.running": {
        "zoo.stages",
        *("zoo.checkpoints", "zoo.launch", "zoo.loading", "zoo.rundir", "zoo.terminal", "zoo.module", "zoo.strategies"),
        *("zoo.models.adapted", "zoo.sweeps"),
    },
    "zoo.strategies": set(),
    "zoo.trust": set(),
    "zoo.portable": {"zoo.backbones", "zoo.module"},
    "zoo.loading": {"zoo.checkpoints", "zoo.module", "zoo.portable", "zoo.trust"},
    "zoo.lineage": {"zoo.run_record"},
    "zoo.hub_metadata": {"zoo.data.corpus_facts", "zoo.run_record"},
    "zoo.model_card": {"zoo.data.corpus_facts", "zoo.run_record", "zoo.hub_metadata"},
    "zoo.export": {
        *("zoo.adapters", "zoo.data.licence", "zoo.models.adapted", "zoo.models.finetune", "zoo.module"),
        *(
            "zoo.launch",
            "zoo.loading",
            "zoo.lineage",
            "zoo.hub_metadata",
            "zoo.model_card",
            "zoo.portable",
            "zoo.run_record",
        ),
    },
    "zoo.evidence.serving": {"zoo.evidence", "zoo.adapters", "zoo.data", "zoo.loading", "zoo.models", "zoo.module"},
    "zoo.evidence": {
        *("zoo.evidence", "zoo.metrics", "zoo.scorers", "zoo.data", "zoo.launch", "zoo.run_record"),
        "zoo.significance",
    },
    "zoo.report": {"zoo.evidence", "zoo.launch"},
    "zoo.reproduce": {"zoo.evidence", "zoo.launch"},
    "zoo.questions": {
        *("zoo.data", "zoo.loading", "zoo.launch", "zoo.metrics", "zoo.module"),
        *("zoo.provenance", "zoo.run_record", "zoo.rundir"),
    },
    "zoo.people": {  # anything but zoo.evidence, of which nothing may import it
        *("zoo.people", "zoo.data", "zoo.models", "zoo.metrics", "zoo.scorers", "zoo.language_models", "zoo.prompted"),
        *("zoo.module", "zoo.loading", "zoo.portable", "zoo.trust", "zoo.launch", "zoo.run_record", "zoo.adapters"),
        *("zoo.synthesis", "zoo.agreement", "zoo.significance"),
    },
    "zoo.language_models": {"zoo.language_models", "zoo.data.persona_lexicon"},
    "zoo.synthesis": {"zoo.synthesis", "zoo.scorers", "zoo.language_models", "zoo.data", "zoo.agreement"},
    "zoo.synthesis.__main__": {"zoo.synthesis", "zoo.launch"},
    "zoo.prompted": {"zoo.prompted", "zoo.language_models", "zoo.data", "zoo.metrics", "zoo.rundir", "zoo.terminal"},
    "zoo.prompted.__main__": {"zoo.prompted", "zoo.launch"},
    "zoo.chat": {"zoo.people", "zoo.launch"},
    "zoo.judge": {"zoo.people", "zoo.evidence", "zoo.launch", "zoo.judged"},
    "zoo.judged": {"zoo.judged", "zoo.people", "zoo.evidence", "zoo.agreement"},
    "zoo": {"zoo.loading"},
}
NOT_IN_MODELS = {"lightning", "hydra", "wandb", "omegaconf"}


def modules() -> Iterator[tuple[str, set[str]]]:
    """Every module of zoo with all it imports, also inside functions."""
    for path in sorted((ROOT / "zoo").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        imported: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: imports are written in full"
                imported.add(node.module or "")
        yield name, imported


def rule(name: str) -> str:
    """The entry of ARROWS that speaks of `name`."""
    return max((key for key in ARROWS if name == key or name.startswith(key + ".")), key=len)


def test_arrows() -> None:
    seen = 0
    for name, imported in modules():
        allowed = ARROWS[rule(name)] | {"zoo.errors", "zoo.files", "zoo.provenance", "zoo.hub"}
        for target in sorted(t for t in imported if t == "zoo" or t.startswith("zoo.")):
            seen += 1
            assert any(target == a or target.startswith(a + ".") for a in allowed), f"{name} imports {target}"
    assert seen > 20


def test_models_know_no_trainer() -> None:
    for name, imported in modules():
        if name.startswith("zoo.models"):
            assert not {target.split(".")[0] for target in imported} & NOT_IN_MODELS, name


def test_nothing_imports_tests_or_experiments() -> None:
    for name, imported in modules():
        assert not {target.split(".")[0] for target in imported} & {"tests", "experiments", "run"}, name


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]])
def test_style_and_types(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, zoo; print([m for m in ('torch', 'transformers', 'lightning', 'datasets') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_paths_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        path = Path(ROOT / name)
        if path.suffix in {".py", ".yaml", ".md", ".toml", ".json", ".txt"} and path.is_file():
            assert "/ro" + "ot/" not in path.read_text(), name
