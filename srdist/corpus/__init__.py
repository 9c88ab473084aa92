"""Corpus files become documents, passages, queries with gold."""
