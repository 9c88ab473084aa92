"""Documents become passages, tokens, and the training mixture, in Arrow partitions, by Ray tasks."""
