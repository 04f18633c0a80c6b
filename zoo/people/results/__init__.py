"""What comes of a study: means, counts, choices, differences, agreement; `zoo.judged` sets them beside printed ones."""
