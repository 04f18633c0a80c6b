"""Downloads against a real server: resuming, checksums, mirrors, nothing half-made."""

import hashlib
import io
import logging
import re
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import zoo.data.corpora
from zoo.data.corpora import ConvAI2Corpus
from zoo.data.download import CORPORA, Corpus, corpus_files, fetch, fetch_file
from zoo.errors import UserError

CONTENT = b"1 hi\thello\n" * 20_000


class Server(ThreadingHTTPServer):
    """Serves `files`; understands ranges unless told not to; may hang up after `cut` bytes of the next answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cuts: list[int] = []
        self.asked: list[tuple[str, str]] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        content = self.server.files.get(self.path.strip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        stop = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[start : start + stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    serving.shutdown()
    thread.join()
    serving.server_close()


def tarball(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=0) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def corpus(server: Server) -> Corpus:
    server.files["toy.tgz"] = tarball({"train_self_original.txt": CONTENT, "valid_self_original.txt": b"1 a\tb\n"})
    return Corpus(
        name="toy",
        folder="Toy",
        archive="toy.tgz",
        urls=(server.url("toy.tgz"),),
        sha256=hashlib.sha256(server.files["toy.tgz"]).hexdigest(),
        licence="CC0",
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_fetches_once(corpus, server, tmp_path):
    folder = fetch(corpus, tmp_path / "new")
    assert folder == tmp_path / "new" / "Toy"
    assert (folder / "train_self_original.txt").read_bytes() == CONTENT
    assert names(tmp_path / "new") == {"Toy", "toy.tgz"}
    assert fetch(corpus, tmp_path / "new") == folder
    assert len(server.asked) == 1


def test_a_single_top_folder_is_taken_off(corpus, server, tmp_path):
    server.files["toy.tgz"] = tarball({"inner/valid_self_original.txt": b"1 a\tb\n"})
    folder = fetch(replace(corpus, sha256=hashlib.sha256(server.files["toy.tgz"]).hexdigest()), tmp_path)
    assert names(folder) == {"valid_self_original.txt"}


def test_goes_on_after_a_broken_connection_and_after_a_kill(corpus, server, tmp_path, monkeypatch):
    whole = server.files["toy.tgz"]
    server.cuts = [70_000, 50_000]  # hangs up twice; the third try brings the rest
    fetch(corpus, tmp_path)
    assert [wanted for _, wanted in server.asked] == ["", "bytes=70000-", "bytes=120000-"]

    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "toy.tgz.part").write_bytes(whole[:90_000])
    server.asked.clear()
    fetch(corpus, killed)
    assert [wanted for _, wanted in server.asked] == ["bytes=90000-"]
    assert names(killed) == {"Toy", "toy.tgz"}


def test_a_whole_part_and_a_server_without_ranges(corpus, server, tmp_path):
    (tmp_path / "toy.tgz.part").write_bytes(server.files["toy.tgz"])
    fetch(corpus, tmp_path)  # answered by 416
    other = tmp_path / "other"
    other.mkdir()
    (other / "toy.tgz.part").write_bytes(b"some bytes")
    server.ranges = False
    server.asked.clear()
    fetch(corpus, other)
    assert len(server.asked) == 1
    assert (other / "Toy" / "train_self_original.txt").read_bytes() == CONTENT


def test_a_rotten_part_is_fetched_afresh(corpus, server, tmp_path):
    (tmp_path / "toy.tgz.part").write_bytes(b"x" * 1000)
    fetch(corpus, tmp_path)
    assert [wanted for _, wanted in server.asked] == ["bytes=1000-", ""]


def test_an_html_page_is_refused_before_unpacking(corpus, server, tmp_path):
    server.files["toy.tgz"] = b"<!doctype html><html>moved</html>"
    with pytest.raises(UserError, match="looks like an HTML page") as error:
        fetch(corpus, tmp_path)
    for words in (corpus.urls[0], corpus.sha256, "CC0", str(tmp_path / "toy.tgz")):
        assert words in str(error.value)
    assert names(tmp_path) == set()


def test_mirrors_are_tried_in_order(corpus, server, tmp_path):
    mirrored = replace(corpus, urls=(server.url("gone.tgz"), "http://127.0.0.1:9/toy.tgz", *corpus.urls))
    fetch(mirrored, tmp_path)
    assert (tmp_path / "Toy").is_dir()


def test_without_network_the_error_says_what_to_do_and_a_hand_placed_archive_works(corpus, server, tmp_path):
    offline = replace(corpus, urls=("http://127.0.0.1:9/toy.tgz",))
    with pytest.raises(UserError, match=r"Fetch http://127\.0\.0\.1:9/toy\.tgz yourself"):
        fetch(offline, tmp_path)
    (tmp_path / "toy.tgz").write_bytes(b"wrong")
    with pytest.raises(UserError, match="the file that lies there has sha256"):
        fetch(offline, tmp_path)
    (tmp_path / "toy.tgz").write_bytes(server.files["toy.tgz"])
    assert fetch(offline, tmp_path).is_dir()


def test_an_archive_that_climbs_out_is_refused(corpus, server, tmp_path):
    server.files["toy.tgz"] = tarball({"../../outside.txt": b"x"})
    climbing = replace(corpus, sha256=hashlib.sha256(server.files["toy.tgz"]).hexdigest())
    with pytest.raises(UserError, match="could not be stored"):
        fetch(climbing, tmp_path / "root")
    assert names(tmp_path) == {"root"}
    assert names(tmp_path / "root") == {"toy.tgz"}


def test_a_root_that_cannot_be_written(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"data\.root"):
        fetch(corpus, tmp_path / "file")


def test_a_plain_file(server, tmp_path):
    server.files["toy.csv"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    source = Corpus("toy", "", "toy.csv", (server.url("gone.csv"), server.url("toy.csv")), digest, "CC0")
    with pytest.raises(UserError, match="the file has sha256"):
        fetch_file(replace(source, sha256="0" * 64), tmp_path / "wrong")
    assert names(tmp_path / "wrong") == set()
    server.asked.clear()
    server.cuts = [70_000]
    for _ in range(2):
        assert fetch_file(source, tmp_path / "new").read_bytes() == CONTENT
    assert [wanted for path, wanted in server.asked if path == "/toy.csv"] == ["", "bytes=70000-"]
    assert names(tmp_path / "new") == {"toy.csv"}
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="could not be stored"):
        fetch_file(source, tmp_path / "file")


def test_two_at_once_fetch_once(corpus, server, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(fetch, [corpus] * 4, [tmp_path] * 4)) == {tmp_path / "Toy"}
    assert names(tmp_path) == {"Toy", "toy.tgz"}
    assert len(server.asked) == 1


def test_files_are_looked_for_in_the_root_first_then_gz_then_with_candidates(tmp_path):
    source = CORPORA["convai2"]
    inner = tmp_path / "ConvAI2"
    inner.mkdir()
    assert corpus_files(tmp_path, source, "valid") is None
    (inner / "valid_self_original.txt.gz").touch()
    assert corpus_files(tmp_path, source, "valid").name == "valid_self_original.txt.gz"
    (inner / "valid_self_original_no_cands.txt").touch()
    assert corpus_files(tmp_path, source, "valid") == inner / "valid_self_original_no_cands.txt"
    assert corpus_files(tmp_path, source, "valid", candidates=True).name == "valid_self_original.txt.gz"
    (tmp_path / "valid_self_original_no_cands.txt").touch()
    assert corpus_files(tmp_path, source, "valid") == tmp_path / "valid_self_original_no_cands.txt"
    assert corpus_files(tmp_path, source, "valid", "both", "revised") is None


def test_corpus_files_of_the_wrong_size_are_refused(tmp_path, twelve_file):
    text = twelve_file.read_text()
    (tmp_path / "train_self_original.txt").write_text(text)
    with pytest.raises(UserError, match="holds 12 dialogue sides and 47 examples; the official file has 17,878"):
        ConvAI2Corpus(tmp_path, download=False).load("train")
    custom = ConvAI2Corpus(tmp_path, train_file="train_self_original.txt", valid_file=twelve_file, download=False)
    assert len(custom.load("train")) == 12
    assert custom.load("test") == custom.load("valid")  # ConvAI2's test set is hidden
    asking = ConvAI2Corpus(tmp_path, valid_file=twelve_file, candidates=["valid"], download=False)
    with pytest.raises(UserError, match=r"data\.corpus\.candidates="):
        asking.load("valid")
    with pytest.raises(UserError, match="No test file of personachat"):
        ConvAI2Corpus(tmp_path, name="personachat", valid_file=twelve_file, download=False).load("test")
    with pytest.raises(UserError, match=r"absent\.txt was given"):
        ConvAI2Corpus(tmp_path, valid_file="absent.txt", download=False).load("valid")


def test_only_the_splits_that_are_used_are_fetched(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(zoo.data.corpora, "fetch", lambda source, root: fetched.append(source.name))
    (tmp_path / "valid_self_original.txt").touch()
    corpus = ConvAI2Corpus(tmp_path)
    corpus.prepare(["valid", "test"])  # ConvAI2's test split is that file too
    assert fetched == []
    corpus.prepare(["train", "valid"])
    assert fetched == ["convai2"]
    ConvAI2Corpus(tmp_path, train_file="own.txt").prepare(["train"])  # not in the archive: no use to fetch it
    ConvAI2Corpus(tmp_path, download=False).prepare(["train"])
    assert fetched == ["convai2"]
    ConvAI2Corpus(tmp_path, name="personachat").prepare(["test"])
    assert fetched == ["convai2", "personachat"]


def test_the_official_validation_files_pass(shared_data):
    corpus = ConvAI2Corpus(shared_data / "convai2", candidates=("test",), download=False)
    assert len(corpus.load("valid")) == 1000
    assert corpus.path("valid").name == "valid_self_original_no_cands.txt"
    assert corpus.path("test").name == "valid_self_original.txt.gz"
    assert len(corpus.load("test")[0].utterances[1].candidates) == 20
