"""Secrets in a configuration: they are warned of, and kept out of what the run writes down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from epochal.config.text import ConfigText
from epochal.console import log
from epochal.errors import ConfigError, Problem
from epochal.experiment.config import ExperimentConfig
from epochal.secrets import SHOWN, Keys, redacted, remember, secrets_in

_said: set[str] = set()


def keep_secrets(config: ExperimentConfig, text: ConfigText) -> None:
    """Warn of each setting that holds a secret, which no file of the run and no message will show.

    Raises ConfigError for what a run wrote down in place of a secret: it has to be given anew.
    """
    plain = config.to_plain()
    if lost := [keys for keys, value in _texts(plain) if SHOWN in value]:
        mend = "give it anew: {}=VALUE after the config"
        raise ConfigError(
            *(
                Problem("a secret stood here", text.where(*keys), mend.format(".".join(map(str, keys))))
                for keys in lost
            )
        )
    for keys, value in secrets_in(plain):
        if redacted(value) == value:  # only its key marks it
            remember(value)
        said_before = value in _said  # of a cross-validation, by each fold
        _said.add(value)
        log.warning(
            f"{text.where(*keys)} holds a secret; the run's files say {SHOWN} in its place. "
            "Better keep it in an environment variable or in .env, where the code that needs it finds it",
            extra={"file_only": said_before},
        )


def _texts(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(entry, (*keys, key))
