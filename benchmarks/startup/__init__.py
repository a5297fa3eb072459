"""Seconds from the command to the first step of training."""
