"""What an experiment will need before it is started: memory, tokens and steps, hours, disk."""
