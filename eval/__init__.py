"""Measures the assistant: cases, measures, runs, reports. Nothing in ``rag`` imports it."""
