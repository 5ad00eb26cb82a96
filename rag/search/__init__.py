"""From a question to ranked passages: dense, lexical and fine search, and what they keep in line with the truth."""
