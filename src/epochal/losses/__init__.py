"""The losses that torch.nn lacks, and the names of all."""
