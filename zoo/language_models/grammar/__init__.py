"""A language model without weights: it knows the prompts of PersonaChatGen (paper 003) and answers from a lexicon.

It exercises the code around it, offline and at no cost; what it writes replicates nothing.
"""
