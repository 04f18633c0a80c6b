"""From a paper's table to the runs that it needs, and from these to processes: `python -m zoo.reproduce`."""
