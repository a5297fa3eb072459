"""Random transforms of whole training batches, with parameters of each sample's own."""
