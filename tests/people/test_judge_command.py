"""`python -m zoo.judge` as people use it: real servers, Chromium, a kill in the middle, and fifty judges at once."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socket import gethostname
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.people.browser import Watched, browser, free_port, needs_chromium
from tests.people.judging import examples, item_code, write_run, write_study
from tests.processes import environment
from zoo.people.serving import base_of
from zoo.people.store import StudyStore


class Served:
    """A server of its own process group, and what it printed before it served."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "zoo.judge", *arguments]
        self._folder = folder
        self.process = subprocess.Popen(
            self._command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        self.printed = ""
        while "Ctrl+C stops" not in self.printed:
            line = self.process.stdout.readline()
            assert line, self.printed
            self.printed += line
        self.links = dict(re.findall(r"^(\S+) +(http://\S+)$", self.printed, re.MULTILINE))
        self.port = next(iter(self.links.values())).split("/")[2]
        for _ in range(200):
            try:
                httpx.get(f"http://{self.port}/")
                return
            except httpx.TransportError:
                time.sleep(0.05)

    def end(self, how: int = signal.SIGKILL) -> str:
        """Stop it; what it printed since."""
        self.process.send_signal(how)
        return self.process.communicate(timeout=30)[0]


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    server = Served(folder, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


def refused(folder: Path, *arguments: str) -> str:
    """What the command says, at once, before it ends with exit code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "zoo.judge", *arguments], cwd=folder, env=environment(), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().split("\n\n")) == 1, "one paragraph"
    return " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("0.0.0.0", gethostname())]
)
def test_links_begin_with_an_address_that_can_be_opened(host: str, name: str) -> None:
    assert base_of(host, 8765) == f"http://{name}:8765"


@pytest.mark.slow
def test_what_cannot_be_served_ends_in_a_paragraph(tmp_path: Path) -> None:
    path = str(write_study(tmp_path, ["a"]))
    assert "expected ROW=RUN_DIR" in refused(tmp_path, path, "a")
    assert "--judges 1 was given" in refused(tmp_path, path, "--judges", "1")
    assert "--host 0.0.0.0 was given" in refused(tmp_path, path, "--host", "0.0.0.0")
    (tmp_path / "notes.txt").write_text("not a database " * 500)
    assert "cannot be read or written" in refused(tmp_path, path, "--port", "0", "--database", "notes.txt")
    (tmp_path / "file").write_text("")
    assert "cannot be kept in" in refused(tmp_path, path, "--port", "0", "--database", "file/study.sqlite")
    assert not (tmp_path / "outputs").exists(), "nothing was begun"
    with served(tmp_path, path, "--port", "0") as server:
        taken = server.port.split(":")[1]
        assert f"Port {taken} of 127.0.0.1 is taken" in refused(tmp_path, path, "--port", taken)
        assert "Stopped." in server.end(signal.SIGINT)
        assert server.process.returncode == 0
    assert (tmp_path / "outputs" / "studies" / "talk.sqlite").is_file()
    other = str(write_run(tmp_path / "other", examples("other")))
    assert "has the judgements of another study" in refused(tmp_path, path, f"a={other}", "--port", "0")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        path = str(write_study(tmp_path / "study", ["a"]))
        told = refused(tmp_path, path, "--port", "0", "--database", str(disk / "study.sqlite"))
        assert "cannot be read or written" in told
        assert "full" in told
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_fifty_judges_lose_and_double_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    each, judges = 20, 50
    path = write_study(tmp_path, ["a", "b"], users=5, each=10, judges_per_item=10, items_per_judge=each)
    with served(tmp_path, str(path), "--port", "0", "--judges", str(judges)) as server:

        def judge(name: str) -> list[tuple[str, int]]:
            """All items of one judge, every other one sent twice; what was sent."""
            sent = []
            with httpx.Client(follow_redirects=True, timeout=60) as client:
                page = client.get(server.links[name] + "/1")
                while "Thank you" not in page.text:
                    value = 1 + (int(name.split("-")[1]) + len(sent)) % 5
                    fields = {f"q-{field}": str(value) for field in ("fluency", "informativeness", "relevance")}
                    form = fields | {"item": item_code(page.text), "q-persona_consistency": "0"}
                    address = str(page.url)
                    if len(sent) % 2:
                        client.post(address, data=form, follow_redirects=False)
                    page = client.post(address, data=form)
                    assert page.status_code == 200
                    sent.append((form["item"], value))
            return sent

        began = time.monotonic()
        with ThreadPoolExecutor(judges) as pool:
            sent = list(pool.map(judge, [f"judge-{n}" for n in range(1, judges + 1)]))
        seconds = time.monotonic() - began
    assert [len(of_judge) for of_judge in sent] == [each] * judges
    found = StudyStore(tmp_path / "outputs" / "studies" / "talk.sqlite").judgements()
    assert len(found) == judges * each * 4
    by_judge: dict[str, Counter[int]] = {}
    for one in found:
        if one.criterion == "fluency":
            by_judge.setdefault(one.judge, Counter())[one.value] += 1
    for number, of_judge in enumerate(sent, start=1):
        assert by_judge[f"judge-{number}"] == Counter(value for _, value in of_judge)
    assert set(Counter(one.item for one in found if one.criterion == "fluency").values()) == {10}
    with capsys.disabled():
        print(f"\n{judges} judges, {judges * each} judgements of 4 answers, half of them sent twice: {seconds:.1f} s, "
              f"{judges * each / seconds:.0f} judgements a second")  # fmt: skip


# --- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


class Window(Watched):
    """A judge's window."""

    def __init__(self, chromium: Browser, width: int, height: int, **more: Any) -> None:
        super().__init__(chromium.new_context(viewport={"width": width, "height": height}, **more).new_page())

    def choose(self, values: Sequence[int]) -> None:
        """Click the option at each question, from 0."""
        for question, option in enumerate(values):
            self.page.locator("fieldset").nth(question).locator("label").nth(option).click()

    def save(self) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Save and next").click()

    def save_twice(self, then: str) -> None:
        """A double click, whose second form ends the browser's wait for the first one's answer."""
        self.page.get_by_role("button", name="Save and next").dblclick()
        self.page.wait_for_function("end => location.pathname.endsWith(end)", arg=then)
        self.page.wait_for_load_state()


def study_of_odd_texts(folder: Path) -> Path:
    """Two rows; some replies are long, right to left, or HTML."""
    odd = {1: "<script>document.title = 'run'</script><b>bold</b>", 2: "y" * 5000, 3: "שלום עולם, מה שלומך?"}
    runs = {}
    for row in ("base", "ours"):
        rows = [
            replace(one, response=odd[place]) if place in odd else one for place, one in enumerate(examples(row, 2, 3))
        ]
        runs[row] = str(write_run(folder / row, rows))
    checks = {"number": 1, "allowed": 0}
    return write_study(folder, runs=runs, checks=checks, title="Which replies sound like people?")


@needs_chromium
@pytest.mark.slow
def test_two_judges_in_browsers_while_the_server_is_killed(chromium: Browser, tmp_path: Path) -> None:
    path, port = str(study_of_odd_texts(tmp_path)), str(free_port())
    wide, narrow = Window(chromium, 1280, 800), Window(chromium, 390, 844)
    with served(tmp_path, path, "--port", port) as server:
        links = server.links
        for window, judge in ((wide, "judge-1"), (narrow, "judge-2")):
            window.page.goto(links[judge])
            window.page.get_by_role("link", name="Start").click()
        for place in range(1, 7):  # both in turn, the narrow one with a double click
            for window in (wide, narrow):
                assert f"{place} of 13" in window.page.locator(".progress").inner_text()
                assert not window.too_wide
                window.choose([place % 5, 1, 2, place % 3])
            wide.save()
            narrow.save_twice(then=f"/{place + 1}")
        before = StudyStore(tmp_path / "outputs" / "studies" / "talk.sqlite").judgements()
        wide.choose([4, 4, 4, 2])
        server.end(signal.SIGKILL)
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            narrow.page.goto(links["judge-2"])
    with served(tmp_path, path, "--port", port) as server:
        assert server.links == links, "the same command, the same links"
        assert StudyStore(tmp_path / "outputs" / "studies" / "talk.sqlite").judgements() == before
        wide.save()  # the page that was open while the server was away
        wide.page.wait_for_url("**/8")
        narrow.page.goto(links["judge-2"])
        assert "You have judged 6." in narrow.page.inner_text("main")
        narrow.page.get_by_role("link", name="Go on").click()
        wide.complaints.clear()
        narrow.complaints.clear()  # of the server that was gone
        for window, first in ((wide, 8), (narrow, 7)):
            for _ in range(first, 14):
                assert not window.too_wide
                window.choose([0, 0, 0, 0])
                window.save()
            window.page.wait_for_url("**/end")
            assert "Thank you" in window.page.inner_text("h1")
        wide.page.get_by_role("link", name="Back to the last item").click()
        assert wide.page.locator("input:checked").count() == 4
        wide.page.locator("fieldset").first.locator("label").nth(3).click()
        wide.save()
        wide.page.wait_for_url("**/end")
    store = StudyStore(tmp_path / "outputs" / "studies" / "talk.sqlite")
    judged = Counter((one.judge, one.item) for one in store.judgements())
    assert set(judged.values()) == {4}
    assert len(judged) == 26, "every item and the check by both"
    with sqlite3.connect(store.file) as connection:
        assert connection.execute("SELECT COUNT(*) FROM shown").fetchone() == (26,), "nobody was asked twice"
        corrected = connection.execute("SELECT criterion, value FROM former").fetchall()
    assert corrected == [("fluency", 1)], "the correction alone, and nothing by a double click"
    for window in (wide, narrow):
        assert window.complaints == []
        assert window.elsewhere == []


@needs_chromium
@pytest.mark.slow
def test_a_whole_study_by_keys_alone(chromium: Browser, tmp_path: Path) -> None:
    path = write_study(tmp_path, ["a"], users=1, each=4, judges_per_item=1)
    window = Window(chromium, 1280, 800)
    keys = window.page.keyboard
    with served(tmp_path, str(path), "--port", "0") as server:
        window.page.goto(server.links["judge-1"])
        keys.press("Tab")
        assert window.page.evaluate("document.activeElement.textContent") == "Start"
        keys.press("Enter")
        window.page.wait_for_url("**/1")
        for key in "4132":  # numbers alone
            keys.press(key)
        keys.press("Enter")
        window.page.wait_for_url("**/2")
        for _ in range(4):  # what browsers do by themselves: Tab to each question, Space, arrows
            keys.press("Tab")
            keys.press("Space")
            keys.press("ArrowRight")
        outline = "getComputedStyle(document.activeElement.closest('label')).outlineStyle"
        assert window.page.evaluate(outline) == "solid", "the focus can be seen"
        keys.press("Enter")
        window.page.wait_for_url("**/3")
        keys.press("5")
        keys.press("Enter")  # three answers are missing
        window.page.get_by_role("alert").wait_for()
        assert window.page.locator("fieldset.missing").count() == 3
        assert window.page.locator("input:checked").get_attribute("id") == "q1-5"
        for key in "123":
            keys.press(key)
        keys.press("Enter")
        window.page.wait_for_url("**/4")
        for key in "1111":
            keys.press(key)
        keys.press("Enter")
        window.page.wait_for_url("**/end")
    found: dict[str, list[int]] = {}
    for one in StudyStore(tmp_path / "outputs" / "studies" / "talk.sqlite").judgements():
        found.setdefault(one.item, []).append(one.value)  # by criterion's name
    assert sorted(found.values()) == sorted([[4, 1, 0, 3], [2, 2, 0, 2], [5, 1, 1, 2], [1, 1, -1, 1]])
    assert [complaint for complaint in window.complaints if "status of 422" not in complaint] == []


@needs_chromium
@pytest.mark.slow
def test_pages_work_without_javascript(chromium: Browser, tmp_path: Path) -> None:
    path = write_study(tmp_path, ["a"], users=1, each=1, judges_per_item=1)
    window = Window(chromium, 390, 844, java_script_enabled=False)
    with served(tmp_path, str(path), "--port", "0") as server:
        window.page.goto(server.links["judge-1"])
        window.page.get_by_role("link", name="Start").click()
        window.save()
        assert window.page.locator("fieldset.missing").count() == 4
        window.choose([1, 2, 3, 1])
        window.save()
        assert "Thank you" in window.page.inner_text("h1")
