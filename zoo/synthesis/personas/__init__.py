"""Persona sets: sentences that do not contradict each other (CoNL; paper 003, section 5.3)."""
