"""srdist trains one language model to be a whole search engine (Self-Retrieval)."""

__version__ = "0.1.0"
