"""Which examples of a study are judged: a rule's draw depends on the examples' ids and the seed alone."""

import random
from collections.abc import Mapping

from zoo.errors import UserError
from zoo.people.study import Draw


def drawn(examples: Mapping[str, Mapping[str, str]], rule: Draw, seed: int, where: str) -> list[str]:
    """Ids of the examples that a rule draws, in their own order; the order of `examples` does not matter.

    Args:
        examples: by id what they can be drawn by: "user", or "key" and "leaf".
        rule: of the study.
        seed: of the study.
        where: the examples are from, for messages.

    Raises:
        UserError: there are fewer than the rule asks for, or they have not what it draws by.
    """
    what = rule.each or ("user" if rule.users is not None else "")
    if what and not all(what in having for having in examples.values()):
        has = sorted({name for having in examples.values() for name in having})
        known = f"of each {' or '.join(has)}" if has else "a number of all"
        raise UserError(f"draw: so many of each {what} were asked for in {where}, which has none; expected {known}.")
    chosen = sorted(examples)
    draw = f"{seed}/{rule.test_set}"
    if rule.users is not None:
        users = sorted({examples[id]["user"] for id in chosen})
        if len(users) < rule.users:
            raise UserError(
                f"draw: {rule.users} users were asked for; {where} has {len(users)}. Ask for fewer, or test the runs "
                "on more examples."
            )
        among = set(random.Random(f"{draw}/users").sample(users, rule.users))
        chosen = [id for id in chosen if examples[id]["user"] in among]
    if rule.number is None:
        return chosen
    if not rule.each:
        return _some(chosen, rule.number, f"{draw}/examples", where)
    groups: dict[str, list[str]] = {}
    for id in chosen:
        groups.setdefault(examples[id][rule.each], []).append(id)
    return [
        id
        for name in sorted(groups)
        for id in _some(groups[name], rule.number, f"{draw}/{rule.each}/{name}", f"the {rule.each} {name!r} of {where}")
    ]


def _some(ids: list[str], number: int, draw: str, where: str) -> list[str]:
    if len(ids) < number:
        raise UserError(
            f"draw: {number} examples were asked for; {where} has {len(ids)}. Ask for fewer, or have more made."
        )
    return sorted(random.Random(draw).sample(ids, number))
