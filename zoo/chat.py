"""`python -m zoo.chat RUN_DIR...`: talk to a model in the terminal; with `--web` on a page, two side by side.

RUN_DIR is the directory of a run of run.py or of python -m zoo.prompted, or a folder of python -m zoo.export.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.launch import readable_errors
from zoo.people.address import add_address_options, checked_address

PORT = 7860


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.chat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR", help="run directories or exported folders")
    parser.add_argument("--persona", nargs="+", default=[], metavar="TEXT", help="sentences of the one who answers")
    parser.add_argument("--user", default="", metavar="ID", help="who answers, of a model that knows users")
    parser.add_argument("--seed", type=int, default=0, help="of drawn replies [0]")
    parser.add_argument("--decoding", nargs="+", default=[], metavar="SETTING=VALUE", help="such as temperature=0.7")
    parser.add_argument("--web", action="store_true", help="a page instead of the terminal")
    parser.add_argument("--scorer", type=Path, metavar="FOLDER", help="NLI model for the page's verdicts [word rules]")
    add_address_options(parser, PORT)
    options = parser.parse_args(arguments)
    with readable_errors():
        (serve if options.web else talk)(options)


def talk(options: argparse.Namespace) -> None:
    """A conversation in the terminal.

    Raises:
        UserError: a folder, user, persona or setting that cannot be used.
    """
    from zoo.people.chat.decoding import read_settings
    from zoo.people.chat.runs import Runs

    runs, settings = Runs(options.runs), read_settings(options.decoding)
    from zoo.people.chat.conversation import Conversation
    from zoo.people.chat.streaming import wait_until_written
    from zoo.people.chat.terminal import Terminal, console

    model = runs.model(runs.names[0])
    persona = options.persona or runs.personas(model.name).get(options.user, ())
    conversation = Conversation(model, persona, options.user, options.seed, settings)
    Terminal(conversation, runs, console()).hold()
    wait_until_written()


def serve(options: argparse.Namespace) -> None:
    """The page, until Ctrl-C.

    Raises:
        UserError: a folder or address that cannot be used, or gradio is missing.
    """
    from zoo.people.chat.runs import Runs

    runs = Runs(options.runs)
    port = checked_address(options.host, options.port, exposed=options.expose, what="the chat")
    from zoo.people.chat.served import serve_page
    from zoo.people.chat.start import Start
    from zoo.people.chat.streaming import wait_until_written

    start = Start(options.persona, options.user, options.seed, options.decoding, options.scorer)
    serve_page(runs, start, options.host, port)
    wait_until_written()


if __name__ == "__main__":
    main(sys.argv[1:])
