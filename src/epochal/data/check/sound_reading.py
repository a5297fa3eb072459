"""A source of sounds once all its files were looked at: their rate, their channels, the broken set aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from epochal.console import Console
from epochal.data.check.findings import problems_of
from epochal.data.check.reading import Reading
from epochal.data.check.sounds import SoundFacts, rates_in_words, scan_sounds, sound_faults
from epochal.data.config import DataConfig
from epochal.data.manifest import Source
from epochal.data.prepare import first_rate
from epochal.data.sounds import SoundFiles
from epochal.errors import DataError, Problem


def settle_sounds(reading: Reading, config: DataConfig, *, cache: Path, console: Console) -> Reading:
    """The reading, where it is of sound files, with the rate and the channels that all are read with.

    Raises DataError where nothing can be read, where files differ in their rate and ``data.prepare`` does not
    begin by resampling them, and without checks for every broken file.
    """
    read = reading.source.read
    if not isinstance(read, SoundFiles):
        return reading
    facts = scan_sounds(read.paths, cache, console)
    good = np.flatnonzero(facts.fault == "")
    faults = sound_faults(reading.subject, facts)
    if not len(good) or (faults and config.checks == "off"):
        raise DataError(*problems_of((*reading.findings, *faults)))
    reading = replace(reading, facts=facts)
    if faults:
        reading = reading.some(good, faults)
    channels = config.source.arguments.get("channels", "auto")
    rate = first_rate(config.prepare) or _common_rate(facts[good])
    channels = facts[good].common_channels() if channels == "auto" else int(channels)
    subject = replace(reading.subject, source=at_rate(reading.source, rate, channels))
    return replace(reading, subject=subject, facts=None if config.checks == "off" else reading.facts)


def at_rate(source: Source, rate: int, channels: int) -> Source:
    """A source of sound files whose samples have all this rate and these channels."""
    assert isinstance(source.read, SoundFiles)
    return replace(source, read=replace(source.read, rate=rate, channels=channels))


def _common_rate(facts: SoundFacts) -> int:
    rate = int(facts.rate[0])
    if (facts.rate != rate).any():
        usual = int(np.bincount(facts.rate).argmax())
        mend = f"begin data.prepare with {{name: resample, rate: {usual}}}"
        raise DataError(Problem(f"the sounds are of several rates: {rates_in_words(facts)}", "data", mend))
    return rate
