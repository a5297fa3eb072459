"""The telephone prompts of Asterisk in five languages, as Debian packages them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from epochal.data.images import visible_files
from epochal.data.manifest import Manifest, Source, TargetKind
from epochal.data.sources.files import SOUNDS, source_of_files
from epochal.data.sources.targets import class_targets, expect_kind
from epochal.errors import DataError, Problem

_LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "ru": "Russian"}
_NO_SPEECH = ("silence/", "beep", "tone", "confbridge-join", "confbridge-leave")
"""What a prompt's name begins with, or ends with, where nobody speaks."""
_BYTES = range(8_000, 192_000)
"""Of half a second to 12 s, 16 bits at 8 kHz; one of the files is only a header, some are whole menus."""


def spoken_prompts(*, root: str | Path = "/usr/share/asterisk/sounds", target_kind: TargetKind) -> Source:
    """2,500 prompts of 8 kHz, each one's class the language that it is spoken in, its group what it says.

    One voice a language, so that this is to tell recordings apart, of which two (English and Spanish) are of
    one speaker; recordings by others it need not know. CC-BY-SA 3.0, by Digium and contributors.
    Raises DataError that says what to install where a language is not there.
    """
    expect_kind("class", target_kind=target_kind, source="spoken_prompts")
    base = Path(root).expanduser()
    voices = {code: sorted(base.glob(f"{code}_*_*_*")) for code in _LANGUAGES}
    missing = [f"asterisk-core-sounds-{code}-wav" for code, found in voices.items() if not found]
    if missing:
        what = f"prompts of {len(missing)} of {len(_LANGUAGES)} languages are not there"
        raise DataError(Problem(what, str(base), f"apt-get install {' '.join(missing)}"))
    found = [
        (f"{voices[code][0].name}/{name}", language, Path(name).stem)
        for code, language in _LANGUAGES.items()
        for name in visible_files(voices[code][0])
        if _is_speech(voices[code][0], name)
    ]
    filenames, languages, prompts = (list(column) for column in zip(*found, strict=True))
    targets, names = class_targets(pl.Series(languages), str(base))
    manifest = Manifest(
        filenames=pl.Series("FILENAME", filenames),
        targets=targets,
        target_kind="class",
        names=names,
        groups=pl.Series("GROUP", prompts),
    )
    return source_of_files(manifest, [str(base / name) for name in filenames], SOUNDS, "auto")


def _is_speech(voice: Path, name: str) -> bool:
    prompt, suffix = name[:-4], name[-4:]
    if suffix != ".wav" or prompt.startswith(_NO_SPEECH) or prompt.endswith(_NO_SPEECH[1:]):
        return False
    return (voice / name).stat().st_size in _BYTES
