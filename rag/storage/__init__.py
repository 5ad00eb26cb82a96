"""The truth, in SQLite or PostgreSQL, and what people said of answers; all else is derived from it."""
