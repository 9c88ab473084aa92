"""Data of the quickstart: questions about Wikipedia's vital articles, and its base model."""
