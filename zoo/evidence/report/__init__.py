"""Tables published | reproduced | why they differ: what `python -m zoo.report` and `python -m zoo.reproduce` print."""
