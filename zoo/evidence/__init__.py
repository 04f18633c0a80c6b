"""Tables and figures of finished runs: `python -m zoo.evidence sensitivity|dialogues|examples|curves|similarity|leak`.

Everything is read from run directories, by `leak` from the runs' own data too; no dialogue model is loaded. Figures
need the extra `plots`.
"""
