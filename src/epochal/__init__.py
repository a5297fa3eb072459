"""epochal."""
