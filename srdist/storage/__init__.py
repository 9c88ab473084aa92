"""Every file of every stage: atomic writes, Arrow partitions, manifests, TREC runs."""
