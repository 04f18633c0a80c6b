"""Pages are served on this machine alone unless somebody says otherwise."""

import argparse
import socket

import pytest

from zoo.errors import UserError
from zoo.people.address import add_address_options, checked_address, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "8.8.8.8", "no-such-name.invalid", "a..b", ""])
def test_others_reach_it(host: str) -> None:
    assert not is_loopback(host)


def test_another_address_takes_a_flag_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"--host 0\.0\.0\.0 was given.*--expose"):
        checked_address("0.0.0.0", 0, exposed=False, what="the chat")
    assert capsys.readouterr().err == ""
    assert checked_address("0.0.0.0", 0, exposed=True, what="the chat") > 0
    assert "WARNING: the chat is served on 0.0.0.0" in capsys.readouterr().err


def test_loopback_does_not_warn_even_where_exposed(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked_address("127.0.0.1", 0, exposed=True, what="the chat") > 0
    assert capsys.readouterr().err == ""


def test_a_taken_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} of 127.0.0.1 is taken"):
            checked_address("127.0.0.1", port, exposed=False, what="the chat")
    assert checked_address("127.0.0.1", port, exposed=False, what="the chat") == port


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("203.0.113.9", 0), ("a..b", 0)])
def test_what_is_no_address(host: str, port: int) -> None:
    with pytest.raises(UserError, match="expected"):
        checked_address(host, port, exposed=True, what="the chat")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_in_brackets_is_bare_to_whoever_serves(host: str) -> None:
    parser = argparse.ArgumentParser()
    add_address_options(parser, 1)
    assert parser.parse_args(["--host", host]).host == "::1"
