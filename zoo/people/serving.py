"""A study on an address of this machine: what is printed first, and the server."""

import socket
from contextlib import suppress
from pathlib import Path

from zoo.errors import UserError
from zoo.people.preparation import Prepared, prepare
from zoo.people.records import JUDGE
from zoo.people.study import Study


def serve(study: Study, database: Path | None, judges: int | None, host: str, port: int) -> None:
    """Print numbers and links, then serve until Ctrl+C.

    Raises:
        UserError: the study cannot be judged, or packages are missing.
    """
    try:
        import uvicorn

        from zoo.people.server import study_app
    except ModuleNotFoundError as error:
        raise UserError(
            f"Pages are served by packages of which {error.name} is not installed: pip install 'persona-zoo[people]'"
        ) from error
    ready = prepare(study, database, judges)
    print(announcement(ready, base_of(host, port)), flush=True)
    server = uvicorn.Server(
        uvicorn.Config(  # no access log: it would be a list of everybody's links
            study_app(ready), host=host, port=port, access_log=False, log_level="warning", server_header=False
        )
    )
    with suppress(KeyboardInterrupt):  # raised again by uvicorn after the last answers were sent
        server.run()
    print("Stopped. The same command goes on with the same links.", flush=True)


def base_of(host: str, port: int) -> str:
    """What links begin with; where `host` stands for all addresses of this machine, its name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::", "[::]") else host.strip("[]")
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def announcement(ready: Prepared, base: str) -> str:
    """What there is to judge, everybody's links, and how to stop."""
    study, real = ready.study, len(ready.assignment.real)
    judges = sum(role == JUDGE for role in ready.judges.values())
    checks = len(ready.assignment.checks)
    at_most = ready.assignment.most + checks
    lines = [
        study.title,
        f"{real} items of {', '.join(_rows(ready))}; {study.judges_per_item} of {judges} judges for each; at most "
        f"{at_most} items a judge" + (f", {checks} of them attention checks" if checks else ""),
    ]
    if (can := judges * ready.assignment.most) < ready.wanted:
        lines.append(f"These judges can give {can} of the {ready.wanted} judgements; --judges N lets more come.")
    links = ready.links(base)
    width = max(map(len, links))
    lines += ["", *(f"{name:<{width}}  {link}" for name, link in links.items()), ""]
    lines.append(f"Each link is for one person; the owner's shows how far everybody is. Judgements: {ready.store.file}")
    lines.append("Ctrl+C stops; the same command goes on with the same links.")
    return "\n".join(lines)


def _rows(ready: Prepared) -> list[str]:
    return list(dict.fromkeys(row for id in ready.assignment.real for row in ready.items[id].rows))
