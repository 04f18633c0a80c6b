"""Adapters on disk: PEFT's folders, packed banks, the store by user id. Nothing here knows a model of the zoo."""
