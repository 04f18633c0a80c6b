"""Fetching the corpora that ParlAI hosts: resumable, checked before unpacking, never half-made.

The links are plain http, so the sha256 sum is what protects a user. Urls and sums are those of ParlAI's build files
(facebookresearch/ParlAI, parlai/tasks/{convai2,personachat}/build.py).
"""

import hashlib
import http.client
import logging
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock

from zoo.errors import UserError

log = logging.getLogger(__name__)

PersonaView = Literal["self", "both"]
PersonaText = Literal["original", "revised"]
CHUNK = 1 << 20  # bytes
TIMEOUT = 60.0  # seconds without a byte
ATTEMPTS = 3  # per mirror, each going on where the one before stopped


@dataclass(frozen=True, slots=True)
class Corpus:
    """An archive to fetch; `sizes` are (dialogue sides, examples) of the files that are known, by split."""

    name: str
    folder: str  # the unpacked folder below the data root
    archive: str  # the file's name below the data root
    urls: tuple[str, ...]  # mirrors of one and the same file, tried in order
    sha256: str
    licence: str
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus(
            name="convai2",
            folder="ConvAI2",
            archive="convai2_fix_723.tgz",
            urls=("http://parl.ai/downloads/convai2/convai2_fix_723.tgz",),
            sha256="d0ae89defe2fd0b0a4221eaa642a457d7d40cef475f54798119c7f3b8dd9361d",
            licence="CC BY 4.0",
            sizes={"train": (17_878, 131_438), "valid": (1_000, 7_801)},
        ),
        Corpus(
            name="personachat",
            folder="personachat",
            archive="personachat.tgz",
            urls=("http://parl.ai/downloads/personachat/personachat.tgz",),
            sha256="507cf8641d333240654798870ea584d854ab5261071c5e3521c20d8fa41d5622",
            licence="CC BY 4.0",
        ),
    )
}


def corpus_files(
    root: Path | str,
    corpus: Corpus,
    split: str,
    persona_view: PersonaView = "self",
    persona_text: PersonaText = "original",
    candidates: bool = False,
) -> Path | None:
    """The file of one split, or None where there is none.

    Looked for in `root` itself, then in the unpacked folder below it, plain before `.gz`; without candidates the file
    that has them will do where it is the only one.
    """
    name = f"{split}_{persona_view}_{persona_text}"
    stems = [name] if candidates else [f"{name}_no_cands", name]
    for stem in stems:
        for folder in (Path(root), Path(root) / corpus.folder):
            for suffix in (".txt", ".txt.gz"):
                if (path := folder / f"{stem}{suffix}").is_file():
                    return path
    return None


def fetch(corpus: Corpus, root: Path | str) -> Path:
    """Download and unpack a corpus; does nothing where its folder exists.

    An archive that lies at `root/corpus.archive` already is used without the network. A killed download goes on where
    it stopped; a killed unpacking leaves only a hidden temporary folder. Several processes may call this at once.

    Returns:
        The unpacked folder, `root/corpus.folder`.

    Raises:
        UserError: nothing could be fetched or its sha256 is wrong; says what to get, from where, and where to put it.
    """
    root = Path(root)
    target, archive = root / corpus.folder, root / corpus.archive
    if target.is_dir():
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{corpus.archive}.lock"):
            if target.is_dir():  # another process was faster
                return target
            if not archive.is_file():
                _download(corpus, archive)
            elif _sha256(archive) != corpus.sha256:
                raise _unfetched(corpus, archive, [f"the file that lies there has sha256 {_sha256(archive)}"])
            _unpack(archive, target)
    except (OSError, tarfile.TarError) as error:
        raise _unstored(corpus, root, error) from error
    return target


def fetch_file(corpus: Corpus, root: Path | str) -> Path:
    """Download a corpus that is one plain file, `root/corpus.archive`; does nothing where it exists.

    Returns:
        The file.

    Raises:
        UserError: as `fetch`.
    """
    root = Path(root)
    path = root / corpus.archive
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{corpus.archive}.lock"):
            if not path.is_file():
                _download(corpus, path)
    except OSError as error:
        raise _unstored(corpus, root, error) from error
    return path


def _download(corpus: Corpus, archive: Path) -> None:
    """Fetch into `<archive>.part` and rename it once its sum is right."""
    part = archive.with_name(f"{archive.name}.part")
    reasons = []
    for url in corpus.urls:
        for _ in range(ATTEMPTS):
            resumed = part.exists()
            try:
                _append(url, part)
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                if isinstance(error, OSError) and error.errno == 28:  # ENOSPC: another mirror would not help
                    raise
                reasons.append(f"{url}: {error}")
                continue
            found = _sha256(part)
            if found == corpus.sha256:
                os.replace(part, archive)
                return
            with part.open("rb") as stream:
                looks = " (it looks like an HTML page)" if b"<html" in stream.read(1000).lower() else ""
            part.unlink()
            reasons.append(f"{url}: the file has sha256 {found}{looks}")
            if not resumed:
                break  # a whole fresh download is wrong: so would be the next
    raise _unfetched(corpus, archive, reasons)


def _append(url: str, part: Path) -> None:
    """Read what is missing of `url` into `part`.

    Raises:
        OSError: no connection, an error status, or the connection ended early (what came is kept).
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    log.info("fetching %s%s", url, f" from byte {have:,}" if have else "")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing: the checksum decides
            return
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        expected = response.headers.get("Content-Length")
        received = 0
        with part.open("ab" if resumed else "wb") as stream:  # a server without ranges sends everything again
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                received += len(chunk)
    if expected is not None and received < int(expected):
        raise ConnectionError(f"the connection ended after {received:,} of {int(expected):,} bytes")


def _unpack(archive: Path, target: Path) -> None:
    """Unpack beside `target` and rename; an archive with one folder at its top gives that folder's content."""
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")  # refuses paths that leave the folder, devices, and the like
        entries = list(temporary.iterdir())
        source = entries[0] if len(entries) == 1 and entries[0].is_dir() else temporary
        source.chmod(0o755)
        os.replace(source, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unstored(corpus: Corpus, root: Path, error: Exception) -> UserError:
    return UserError(
        f"{corpus.name} could not be stored in {root} ({error}); expected a folder with room for it that can be "
        f"written. Free some space or point data.root elsewhere."
    )


def _unfetched(corpus: Corpus, archive: Path, reasons: list[str]) -> UserError:
    return UserError(
        f"{corpus.name} could not be fetched: {'; '.join(dict.fromkeys(reasons))}. Fetch {' or '.join(corpus.urls)} "
        f"yourself (sha256 {corpus.sha256}, licence {corpus.licence}), put it at {archive}, and run again; or put the "
        f"unpacked text files into {archive.parent}."
    )
