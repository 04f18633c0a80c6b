"""PersonaChatGen: persona dialogues that a language model writes, filtered (Lee et al. 2022, paper 003).

`run` does the stages, each in a file `*_stage`: `profiles` (sentences of the categories of `taxonomy`), `personas`
(sets that do not contradict each other), `chat` (dialogues), then `analyses` and `reports`. `records` pass between.
"""
