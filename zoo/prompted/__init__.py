"""Prompted baselines: a language model that was trained on none of the users plays them.

Source: section 4.2.2 of "User-Specific Dialogue Generation with User Profile-Aware Pre-Training Model and
Parameter-Efficient Fine-Tuning" (Otsuka et al.). It names the parts of its prompts and their order; the wordings in
conf/prompt are ours.
"""
