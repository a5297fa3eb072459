"""Where a run's numbers are sent besides its own folder."""
