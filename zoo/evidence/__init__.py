"""Tables and figures of finished runs: `python -m zoo.evidence sensitivity|dialogues|examples|curves`.

Everything is read from run directories; no model is loaded. Figures need the extra `plots`.
"""
