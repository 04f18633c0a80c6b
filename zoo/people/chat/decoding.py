"""Decoding as a person types it: `temperature=0.7`, checked before a model sees it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from zoo.errors import UserError

Value = bool | int | float
Settings = dict[str, Value]


class Setting(NamedTuple):
    """What a setting may be.

    Args:
        kind: bool, int or float.
        lowest, highest: the range, both included.
    """

    kind: type
    lowest: float = 0
    highest: float = float("inf")


SETTINGS = {
    "do_sample": Setting(bool),
    "temperature": Setting(float, 0, 100),
    "top_p": Setting(float, 1e-6, 1),
    "top_k": Setting(int),
    "num_beams": Setting(int, 1, 64),
    "max_new_tokens": Setting(int, 1, 4096),
    "min_new_tokens": Setting(int, 0, 4096),
    "length_penalty": Setting(float, -100, 100),
    "repetition_penalty": Setting(float, 1e-3, 100),
    "no_repeat_ngram_size": Setting(int, 0, 100),
    "frequency_penalty": Setting(float, -100, 100),
    "presence_penalty": Setting(float, -100, 100),
}
OF_DRAWS = ("temperature", "top_p", "top_k")  # of no effect where the likeliest token is taken
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def read_settings(words: Iterable[str]) -> Settings:
    """`["temperature=0.7", "num_beams=2"]` as values.

    Raises:
        UserError: no such setting, or a value that it cannot have.
    """
    found: Settings = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in SETTINGS:
            raise UserError(f"{word!r} was given; expected SETTING=VALUE, with a setting of {', '.join(SETTINGS)}.")
        kind = SETTINGS[name].kind
        try:
            found[name] = WORDS[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
            raise UserError(f"{word!r} was given; expected {wanted} for {name}.") from None
    check_settings(found)
    return found


def check_settings(settings: Mapping[str, Value]) -> None:
    """Refuse values out of range.

    Raises:
        UserError: names the first one.
    """
    for name, value in settings.items():
        _, lowest, highest = SETTINGS[name]
        if not lowest <= value <= highest:  # not a number is in no range
            upto = "" if highest == float("inf") else f" and at most {highest:g}"
            raise UserError(f"{name}={value:g} was given; expected at least {lowest:g}{upto}.")


def changed(settings: Mapping[str, Value], changes: Mapping[str, Value], known: Iterable[str]) -> Settings:
    """`settings` with `changes`: a temperature, top_p or top_k turns sampling on, temperature=0 turns it off.

    Args:
        settings: so far.
        changes: to make.
        known: names that the model has.

    Raises:
        UserError: the model has no such setting, or the value is out of range.
    """
    if strange := [name for name in changes if name not in known]:
        raise UserError(f"{strange[0]} was given, but this model decodes by {', '.join(known)}.")
    check_settings(changes)
    new = {**settings, **changes}
    if "do_sample" in known:
        if "do_sample" not in changes and any(name in changes for name in OF_DRAWS):
            new["do_sample"] = True
        if new.get("temperature") == 0:
            new["do_sample"] = False
            del new["temperature"]
        if not new.get("do_sample"):
            new = {name: value for name, value in new.items() if name not in OF_DRAWS}
        else:  # the whole distribution where nothing else is said: transformers would keep 50 tokens
            new = {"temperature": 1.0, "top_p": 1.0, "top_k": 0} | new
    return {name: new[name] for name in known if name in new}


def described(settings: Mapping[str, Value]) -> str:
    """On one line: "num_beams=1 max_new_tokens=64"."""
    return " ".join(
        f"{name}={str(value).lower() if isinstance(value, bool) else f'{value:g}'}" for name, value in settings.items()
    )
