"""Models: one file, one paper; each answers `condition(batch)` (see `zoo.models.base`)."""
