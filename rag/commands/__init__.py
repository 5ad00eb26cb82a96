"""`python -m rag`: the commands, asking in a terminal among them."""
