"""The form below an item: which item it was about, and what was chosen."""

import hmac
from collections.abc import Mapping

from zoo.people.preparation import Prepared
from zoo.people.views import questions_of


class Forms:
    """Forms of a study.

    A form names its item by a code that only the server can make, another one for each judge: it tells nothing of the
    item, nobody can send an answer to what was not shown, and a page that was open for long is still saved rightly.
    """

    def __init__(self, ready: Prepared) -> None:
        self.questions = questions_of(ready.study.questionnaire)
        self._items = list(ready.items)
        self._key = ready.store.token("forms").encode()

    def proof(self, who: str, item: str) -> str:
        """The code of an item for somebody."""
        return hmac.new(self._key, f"{who}/{item}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]

    def item(self, who: str, form: Mapping[str, str]) -> str | None:
        """The item that a form is about; None: of nobody's that was shown."""
        code = form.get("item", "").encode("utf-8", "replace")
        return next((id for id in self._items if hmac.compare_digest(self.proof(who, id).encode(), code)), None)

    def told(self, values: Mapping[str, int]) -> str:
        """Answers as a form carries those that it was opened with; none of an item that was not judged."""
        return ",".join(str(values[question.name]) for question in self.questions if question.name in values)

    def seen(self, form: Mapping[str, str]) -> dict[str, int] | None:
        """The answers that a form was opened with, as sides were shown; None: it does not say."""
        if "seen" not in form:
            return None
        told = form["seen"].split(",")
        return {
            question.name: option.value
            for question, value in zip(self.questions, told, strict=False)
            for option in question.options
            if value == str(option.value)
        }

    def chosen(self, form: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
        """The values chosen, as sides were shown, and the names of questions without one of their own options."""
        found = {
            question.name: option.value
            for question in self.questions
            for option in question.options
            if form.get(f"q-{question.name}") == str(option.value)
        }
        return found, tuple(question.name for question in self.questions if question.name not in found)
