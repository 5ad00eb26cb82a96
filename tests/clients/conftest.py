"""The clients run in processes of their own; nothing in here is a test."""

collect_ignore_glob = ["*.py"]
