"""PersonaChatGen: persona dialogues that a language model writes, filtered (Lee et al. 2022, paper 003).

`taxonomy` says what sentences are about; `records` are what passes between stages.
"""
