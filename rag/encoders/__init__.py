"""Vectors: of the first encoder, of the finer second one, from a server."""
