"""Whether a passage says what a sentence says: its words, numbers, times, names and negations, thing by thing."""
