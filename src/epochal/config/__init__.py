"""Text to checked objects; no torch."""
