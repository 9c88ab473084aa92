"""Start or join Ray, run tasks on it."""
