"""A real browser on pages served on this machine: Debian's Chromium, driven by Playwright."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (apt-get install chromium)")


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


class Watched:
    """A page, and what it complained of or asked of other machines."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append("a dialog opened"), dialog.dismiss()))
        page.on("request", lambda request: self._see(request.url))

    def _see(self, address: str) -> None:
        found = urlparse(address)
        if found.scheme not in ("data", "blob") and found.hostname != "127.0.0.1":
            self.elsewhere.append(address)

    @property
    def too_wide(self) -> bool:
        """Must one scroll sideways?"""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        return wide


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_for(address: str, serving: subprocess.Popen[str], seconds: float) -> float:
    """Seconds until the page answers."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        assert serving.poll() is None, serving.communicate()
        try:
            urllib.request.urlopen(address, timeout=5).read()
        except OSError:
            time.sleep(0.05)
        else:
            return time.monotonic() - began
    raise TimeoutError(f"{address} did not answer in {seconds} s")
