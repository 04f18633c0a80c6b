"""Where a page of ours may be served: on this machine alone, unless somebody says otherwise twice.

Who reaches a page can talk to the model, or judge, in the owner's name: no password stands before it. So another
address than loopback takes a flag beside `--host`, and a warning is printed.
"""

import argparse
import errno
import ipaddress
import socket
import sys

from zoo.errors import UserError

LOOPBACK = "127.0.0.1"


def add_address_options(parser: argparse.ArgumentParser, port: int) -> None:
    """The options `--host`, `--port` and `--expose` of a command that serves pages.

    Args:
        parser: gets the options.
        port: that is served on where none is named.
    """
    parser.add_argument(
        "--host",
        type=lambda host: host.strip("[]"),  # links have an IPv6 address in brackets, sockets do not
        default=LOOPBACK,
        help=f"address to serve on [{LOOPBACK}: this machine alone]",
    )
    parser.add_argument("--port", type=int, default=port, help=f"port to serve on, 0: any free one [{port}]")
    parser.add_argument("--expose", action="store_true", help="allow a --host that other machines can reach")


def checked_address(host: str, port: int, *, exposed: bool, what: str) -> int:
    """Refuse an address that other machines reach, unless it is to be so: then warn on standard error.

    Args:
        host: name or address to serve on.
        port: to serve on; 0 takes any free one.
        exposed: was `--expose` given?
        what: is served, for the messages: "the chat".

    Returns:
        The port, a free one.

    Raises:
        UserError: others would reach the address and `exposed` is False; there is no such address here; the port is no
            port, taken, or not ours to use.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"--port {port} was given; expected a number from 1 to 65535, or 0 for any free port.")
    if not is_loopback(host):
        if not exposed:
            raise UserError(
                f"--host {host} was given, an address that other machines may reach, and {what} asks nobody for a "
                f"password. Expected {LOOPBACK}, with a tunnel from where the browser is (ssh -L "
                f"{port}:{LOOPBACK}:{port} MACHINE), or --expose beside it, if everybody on that network may come in."
            )
        print(
            f"WARNING: {what} is served on {host}: everybody who can reach this machine can use it, over a connection "
            "that is not encrypted.",
            file=sys.stderr,
            flush=True,
        )
    return free_port(host, port)


def is_loopback(host: str) -> bool:
    """Do all addresses of `host` belong to this machine alone? A name that nobody knows does not."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):  # no name at all: a..b
        return False
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def free_port(host: str, port: int) -> int:
    """`port` if it can be served on, or any free one for 0.

    Raises:
        UserError: it is taken or not ours to use, or `host` is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
            listening.bind(address)
            return int(listening.getsockname()[1])
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} of {host} is taken, perhaps by an earlier page that is still served; expected a free "
                "one. End the other program, or give another --port (0: any free one)."
            ) from error
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{host}, port {port}, cannot be served on ({why}); expected an address of this machine, and a port above "
            "1023 unless you are its administrator."
        ) from error
