"""How far scores can be trusted: intervals, calibration, thresholds, subgroups, paired comparisons."""
