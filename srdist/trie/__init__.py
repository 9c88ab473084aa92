"""The constraint: a trie over all titles, and under each title a small one over its passages."""

from srdist.trie.edges import Edges
from srdist.trie.trie import Trie

__all__ = ["Edges", "Trie"]
