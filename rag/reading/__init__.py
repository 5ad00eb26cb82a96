"""From a file, in whatever encoding and format, to an article and its passages, offsets kept."""
