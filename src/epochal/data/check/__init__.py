"""What is wrong with data, and what leaks from one split into another."""
