"""SQLite for the embedded default, its writers put in a queue by a file lock. See ``base``."""
