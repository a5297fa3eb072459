"""Microseconds a step of a network so small that everything else shows."""
