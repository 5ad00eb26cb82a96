"""The report of a run: as one HTML file, and in short as Markdown."""
