"""Data sets: getting the files, reading them, splitting and scaling. Knows nothing of networks."""
