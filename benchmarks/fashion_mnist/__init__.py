"""One epoch of Fashion-MNIST with validation: epochal, its peers, and what bounds them all."""
