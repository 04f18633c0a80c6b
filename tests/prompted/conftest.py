"""The tiny model and the server of the language models' tests."""

from tests.language_models.conftest import causal, endpoint, server  # noqa: F401  (fixtures)
