"""The figures of the README, each with one command that measures it again."""
