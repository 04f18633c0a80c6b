"""Talking to a model, in the terminal and on a page.

* `zoo.people.chat.conversation`: `Conversation`, who speaks, what was said, and the next reply as it is written.
* `zoo.people.chat.models`: `ChatModel`, what is talked to, and `TrainedModel`, a run's network.
* `zoo.people.chat.prompted`: `PromptedModel`, a language model that only gets a prompt.
* `zoo.people.chat.runs`: `Runs`, the folders that were named, each read once and kept.
* `zoo.people.chat.streaming`: text while it is written; one reply at a time draws random numbers.
* `zoo.people.chat.decoding`: settings as a person types them.
* `zoo.people.chat.agreement`: which persona sentences a reply agrees with.
* `zoo.people.chat.terminal`, `commands`: a conversation in the terminal.
* `zoo.people.chat.page`, `shown`, `served`: the page.
"""
