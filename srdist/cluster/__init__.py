"""Where work runs: Ray with its tasks and actors, and Slurm's jobs."""
