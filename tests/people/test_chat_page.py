"""A whole chat in the terminal and in a browser, by the command."""

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from tests.conftest import ROOT, small_overrides
from tests.people.browser import Watched, browser, free_port, needs_chromium, wait_for
from tests.processes import environment, run_module
from tests.users.test_user_runs import SMALL
from zoo.export import export
from zoo.people.chat.conversation import Conversation
from zoo.people.chat.runs import Runs
from zoo.running import run

pytestmark = pytest.mark.slow
NASTY = "<script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3)) ![](http://a.example/b) ${1+1}"
LONG = "w" * 5000
ARABIC = "مرحبا كيف حالك"


@pytest.fixture(scope="module")
def runs(zoo_cache: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """PAA, and a LoRA for each user."""
    folder = tmp_path_factory.mktemp("runs")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for name, overrides in (("paa", small_overrides(small_corpus)), ("lora", [*SMALL, "model=lora"])):
            run(compose("config", [f"run_dir={folder / name}", *overrides]))
    return [folder / "paa", folder / "lora"]


def test_a_conversation_in_the_terminal(runs: list[Path], tmp_path: Path) -> None:
    lines = (f"/persona i like dogs . | {NASTY}", "hello , how are you ?", "/nonsense", "/seed x", "/user nobody")
    said = "\n".join((*lines, f"/save {tmp_path / 'talk.jsonl'}", ""))
    done = subprocess.run(
        [sys.executable, "-m", "zoo.chat", str(runs[0])], input=said, capture_output=True, text=True, timeout=200,
        cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "There is no command /nonsense" in done.stdout
    assert "no such user" in done.stdout
    question, answer = (json.loads(line) for line in (tmp_path / "talk.jsonl").read_text().splitlines())
    assert (question["speaker"], question["text"]) == ("partner", "hello , how are you ?")
    assert answer["persona"] == ["i like dogs .", NASTY]
    assert answer["text"] in done.stdout


LONG_REPLY = ["temperature=3", "min_new_tokens=450", "max_new_tokens=450"]


def own_terminal() -> None:
    """Let the process lead the session of its terminal; Ctrl-C reaches it even where tests run in the background."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_stops_a_reply_and_ctrl_d_leaves(runs: list[Path], tmp_path: Path) -> None:
    """As a person at a terminal of their own."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "zoo.chat", str(runs[0]), "--decoding", *LONG_REPLY]
    talking = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment(TERM="xterm"),
        preexec_fn=own_terminal,
    )  # fmt: skip
    os.close(theirs)
    seen = ""

    def until(text: str, seconds: float = 60) -> None:
        nonlocal seen
        ends = time.monotonic() + seconds
        while text not in seen:
            assert time.monotonic() < ends, seen
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 4096).decode(errors="replace")

    try:
        until("you> ")
        os.write(ours, b"hello\n")
        until("model> ")
        os.write(ours, b"\x03")
        until("(stopped)", 10)
        seen = seen.split("(stopped)")[1]
        until("you> ")
        os.write(ours, f"/save {tmp_path / 'talk.jsonl'}\n".encode())
        until("2 turns")
        seen = seen.split("2 turns")[1]
        until("you> ")
        os.write(ours, b"\x04")
        code = talking.wait(20)
        with contextlib.suppress(OSError):
            while select.select([ours], [], [], 0.5)[0]:
                seen += os.read(ours, 4096).decode(errors="replace")
        assert code == 0, seen
    finally:
        talking.kill()
        talking.wait()
        os.close(ours)
    _, answer = (json.loads(line) for line in (tmp_path / "talk.jsonl").read_text().splitlines())
    assert answer["stopped"]


def test_an_exported_folder_answers_as_its_run(runs: list[Path], tmp_path: Path) -> None:
    export(runs[0], tmp_path / "exported")
    talks = [
        Conversation(Runs([folder]).model(str(folder)), ["i sing ."]) for folder in (runs[0], tmp_path / "exported")
    ]
    replies = [list(talk.say("what do you do ?")) for talk in talks]
    assert replies[0] == replies[1]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["nowhere"], "nowhere"),
        (["RUN", "--user", "nobody"], "has no such user"),
        (["RUN", "--decoding", "colour=3"], "colour"),
        (["RUN", "--web", "--host", "0.0.0.0"], "--expose"),
        (["RUN", "--web", "--scorer", "nowhere"], "--scorer nowhere was given"),
        (["RUN", "--web", "--port", "0", "--user", "nobody"], "has no such user"),  # told when the model is read
    ],
)
def test_mistakes_end_in_a_paragraph(given: list[str], complaint: str, runs: list[Path]) -> None:
    done = run_module("zoo.chat", *(word.replace("RUN", str(runs[0])) for word in given))
    assert done.returncode == 2, done.stderr
    assert "error: " in done.stderr
    assert complaint in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.fixture
def page(runs: list[Path], tmp_path: Path) -> Iterator[str]:
    """Served by the command; one of its runs is a copy that a test may delete."""
    copy = tmp_path / "copy"
    shutil.copytree(runs[1], copy)
    port = free_port()
    command = [sys.executable, "-m", "zoo.chat", str(runs[0]), str(copy), "--web", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as serving:
        seconds = wait_for(f"http://127.0.0.1:{port}/", serving, 60)
        print(f"first page after {seconds:.1f} s")
        yield f"http://127.0.0.1:{port}/"
        serving.send_signal(signal.SIGINT)
        serving.wait(20)


@needs_chromium
def test_a_whole_chat_in_a_browser(page: str, tmp_path: Path) -> None:
    with browser() as chromium:
        watched = Watched(chromium.new_page(viewport={"width": 1280, "height": 900}))
        here = watched.page
        here.goto(page)
        here.wait_for_selector("text=Nothing was said yet", timeout=60_000)
        message, talk = here.locator("#zoo-message textarea"), here.locator("#zoo-left")

        here.locator("#zoo-persona-left textarea").fill(f"i like dogs .\n{NASTY}")
        for number, text in enumerate((f"hello {NASTY}", ARABIC + " " + LONG), start=1):
            message.fill(text)
            message.press("Enter")
            talk.locator(f".responder:not(.writing) >> nth={number - 1}").wait_for(timeout=60_000)
            assert talk.locator(".partner .zoo-said").nth(number - 1).inner_text() == text
        assert talk.locator(".zoo-verdicts").count() == 2
        assert NASTY in talk.locator(".zoo-verdicts").last.inner_text()
        assert talk.locator("script, img, a").count() == 0, "words are words"

        here.get_by_text("Two side by side").click()
        here.locator("#zoo-right").wait_for()
        message.fill("do you like dogs ?")
        here.locator("#zoo-send").click()
        here.locator("#zoo-right .responder:not(.writing)").wait_for(timeout=60_000)
        assert talk.locator(".partner").count() == 3
        assert here.locator("#zoo-right .partner").count() == 1
        below = "talk => talk.getBoundingClientRect().bottom - talk.lastElementChild.getBoundingClientRect().bottom"
        assert talk.locator(".zoo-talk").evaluate(below) > 0, "what was said last is in sight"

        with here.expect_download() as kept:
            here.locator("#zoo-save-left").click()
        kept.value.save_as(tmp_path / "left.jsonl")
        lines = [json.loads(line) for line in (tmp_path / "left.jsonl").read_text().splitlines()]
        assert [line["speaker"] for line in lines] == ["partner", "responder"] * 3
        assert lines[0]["text"] == f"hello {NASTY}"

        assert not watched.too_wide
        here.set_viewport_size({"width": 390, "height": 844})
        here.wait_for_timeout(300)
        assert not watched.too_wide
        here.screenshot(path=tmp_path / "narrow.png", full_page=True)

        message.fill("tell me all")  # a long reply, stopped
        here.locator("#zoo-decoding button").first.click()
        here.get_by_label("sampled").check()
        longest = here.locator("#zoo-decoding input[type=number][max='256']")
        longest.fill("256")
        longest.press("Tab")
        message.press("Enter")
        here.locator("#zoo-stop").click(timeout=10_000)
        here.locator("#zoo-send").wait_for(timeout=10_000)

        other = Watched(chromium.new_page())  # somebody else sees nothing of it
        other.page.goto(page)
        other.page.wait_for_selector("text=Nothing was said yet", timeout=60_000)
        assert other.page.locator(".partner").count() == 0

        shutil.rmtree(tmp_path / "copy")  # who talks goes on, and a new choice is told
        message.fill("are you still there ?")
        message.press("Enter")
        here.locator("#zoo-right .responder:not(.writing) >> nth=1").wait_for(timeout=60_000)
        other.page.locator("#zoo-run-left input").click()
        other.page.get_by_role("option", name=str(tmp_path / "copy")).click()
        other.page.wait_for_selector("text=is no longer there", timeout=60_000)
        assert (watched.complaints, other.complaints) == ([], [])
        assert watched.elsewhere + other.elsewhere == []
