"""Profile sentences: asked for by category, read, and filtered (paper 003, section 5.2)."""
