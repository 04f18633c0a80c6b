"""The back-end of profile inference that a command line names."""

import argparse
from pathlib import Path

from zoo.errors import UserError
from zoo.profiles.base import ProfileInferer
from zoo.profiles.lexical import LexicalProfiles

NEEDS = {"lexical": None, "zero_shot": "scorer", "language_model": "model"}  # back-end -> the option it needs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `back_end` reads."""
    parser.add_argument("--language", default="en", help="of users or hypotheses: en or ja [%(default)s]")
    parser.add_argument("--back-end", choices=list(NEEDS), default="lexical", help="[%(default)s]")
    parser.add_argument("--scorer", metavar="FOLDER", help="of zero_shot: an NLI model, or 'lexical' for word rules")
    parser.add_argument("--model", help="of language_model: a folder in Hugging Face's format or an endpoint's model")
    parser.add_argument("--base-url", metavar="URL", help="of an endpoint that speaks OpenAI's API")
    parser.add_argument(
        "--key-variable", metavar="NAME", help="environment variable with the endpoint's key [none is sent]"
    )
    parser.add_argument("--mode", default="chat", help="how the model is asked: chat or completions [%(default)s]")
    parser.add_argument("--answers", type=Path, metavar="FOLDER", help="where its answers are kept, and found again")


def back_end(options: argparse.Namespace) -> ProfileInferer:
    """The inferer that the options name.

    Raises:
        UserError: an option that the back-end needs is missing, or one of another back-end was given.
    """
    needed = NEEDS[options.back_end]
    given = {option for option in ("scorer", "model") if getattr(options, option) is not None}
    if given != ({needed} if needed else set()):
        models = " and ".join(f"--{name}" for name in sorted(given)) or "neither --scorer nor --model"
        raise UserError(
            f"--back-end {options.back_end} was given with {models}; "
            f"expected {f'--{needed}' if needed else 'none of --scorer and --model'}."
        )
    if options.back_end == "zero_shot":
        return _zero_shot(options)
    return _asked(options) if options.back_end == "language_model" else LexicalProfiles()


def _zero_shot(options: argparse.Namespace) -> ProfileInferer:
    from zoo.profiles.zero_shot import ZeroShotProfiles  # torch
    from zoo.scorers.lexical import LexicalNli
    from zoo.scorers.transformers_nli import TransformersNli

    scorer = LexicalNli() if options.scorer == "lexical" else TransformersNli(options.scorer)
    return ZeroShotProfiles(scorer, options.language)


def _asked(options: argparse.Namespace) -> ProfileInferer:
    from zoo.language_models.base import LanguageModel
    from zoo.language_models.cache import CachedLanguageModel
    from zoo.profiles.asked import AskedProfiles, asking

    model: LanguageModel
    if options.base_url is None:
        from zoo.language_models.transformers_lm import TransformersLm

        model = TransformersLm(options.model, mode=options.mode)
    else:
        from zoo.language_models.openai_endpoint import OpenAiEndpoint

        model = OpenAiEndpoint(options.model, options.base_url, options.mode, key_variable=options.key_variable)
    return AskedProfiles(asking(model if options.answers is None else CachedLanguageModel(model, options.answers)))
