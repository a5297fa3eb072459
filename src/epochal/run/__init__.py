"""A run is a folder; this is the only package that knows its file names."""
