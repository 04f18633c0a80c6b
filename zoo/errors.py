"""The one exception for mistakes that a user can mend: run.py prints it as a paragraph and exits with code 2."""


class UserError(ValueError):
    """Bad input. The message says what was given, what was expected and what to do, in one paragraph."""
