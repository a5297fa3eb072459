"""A run, a cross-validation or several runs as one HTML file that needs nothing else."""
