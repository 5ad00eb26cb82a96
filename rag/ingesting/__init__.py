"""From folders and uploads into the storage: which files there are, what to do about each, and doing it."""
