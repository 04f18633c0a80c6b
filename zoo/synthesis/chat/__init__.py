"""Dialogues of two personas: prompts, writing, filters, splits and exports (paper 003, section 5.4)."""
