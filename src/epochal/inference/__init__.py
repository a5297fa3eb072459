"""Evaluation and prediction: the same functions in training, after it and behind a server."""
