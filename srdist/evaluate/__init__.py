"""Measures: rankings against gold passages and documents, answers against accepted ones."""
