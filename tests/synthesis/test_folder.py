"""Stages on disk: what is done again, and what is not."""

from pathlib import Path
from typing import Any

import pytest

from zoo.errors import UserError
from zoo.synthesis.folder import FILE, SynthesisFolder


class Work:
    """A stage that counts how often it is done."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder, self.file, self.done = folder, file, 0

    def __call__(self) -> dict[str, Any]:
        self.done += 1
        (self.folder / self.file).write_text(str(self.done))
        return {"files": [self.file], "n": self.done}


def test_a_finished_stage_is_not_done_again(tmp_path: Path) -> None:
    first, second = Work(tmp_path, "a"), Work(tmp_path, "b")
    for there in (False, True):
        folder = SynthesisFolder(tmp_path)  # as another process would open it
        assert folder.stage("one", {"x": 1}, None, first) is there
        assert folder.stage("two", {"y": 1}, "one", second) is there
        assert folder.facts("one") == {"files": ["a"], "n": 1}
    assert (first.done, second.done) == (1, 1)


@pytest.mark.parametrize("change", ["settings", "file"])
def test_what_follows_a_stage_that_is_done_again_is_done_again(tmp_path: Path, change: str) -> None:
    first, second = Work(tmp_path, "a"), Work(tmp_path, "b")
    folder = SynthesisFolder(tmp_path)
    folder.stage("one", {"x": 1}, None, first)
    folder.stage("two", {}, "one", second)
    if change == "file":
        (tmp_path / "a").unlink()
    folder.stage("one", {"x": 2 if change == "settings" else 1}, None, first)
    assert not folder.record("two")
    folder.stage("two", {}, "one", second)
    assert (first.done, second.done) == (2, 2)


def test_a_stage_that_breaks_off_leaves_no_record(tmp_path: Path) -> None:
    folder = SynthesisFolder(tmp_path)
    folder.stage("one", {}, None, Work(tmp_path, "a"))

    def breaks() -> dict[str, Any]:
        raise UserError("the endpoint is gone")

    with pytest.raises(UserError, match="gone"):
        folder.stage("one", {"x": 2}, None, breaks)
    assert SynthesisFolder(tmp_path).record("one") == {}


def test_a_stage_needs_the_one_before(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished stage one"):
        SynthesisFolder(tmp_path).stage("two", {}, "one", Work(tmp_path, "b"))


@pytest.mark.parametrize("text", ["{", "[]", '{"one": {}}', '{"one": {"key": "k", "facts": {}}}'])
def test_a_broken_record_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match="no record of a synthesis"):
        SynthesisFolder(tmp_path)
