"""Ask the Articles: proven answers over a folder of articles."""
