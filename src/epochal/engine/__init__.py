"""The training loop: state, step, optimisers, schedules, precision, checkpoints, hooks."""
