"""Studies: a grid of runs, and the tables and figures over all of them."""
