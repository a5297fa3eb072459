"""The project that ``epochal init`` writes: from a template and a look at the data to its files."""
