"""What a batch means: outputs to loss, predictions, metrics."""
