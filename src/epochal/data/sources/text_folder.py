"""Text files in a folder, one subfolder a class; and the texts of a table's column."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Manifest, Source, TargetKind
from epochal.data.sources.digest import digest_arrays, digest_files
from epochal.data.sources.draft import Draft
from epochal.data.sources.folder import Sort, class_tree, existing_folder
from epochal.data.sources.targets import expect_kind
from epochal.data.texts import TextFiles, is_text, read_text
from epochal.errors import DataError


def text_folder(root: str | Path, *, target_kind: TargetKind) -> Draft:
    """Text files (.txt, UTF-8) under ``root``, laid out as the images of the source ``folder``.

    A file that is no UTF-8 is null in the source's frame, for the checks to tell.
    Raises DataError where the folder is missing or empty, or a class has no text.
    """
    mend = "use the source table with 'text', whose columns hold any kind of target"
    expect_kind("class", target_kind=target_kind, source="text_folder", mend=mend)
    sort = Sort("text file", "text_folder", is_text, _source)
    return class_tree(existing_folder(root), sort, labelled=target_kind != "none")


def _source(paths: list[str], manifest: Manifest) -> Source:
    with ThreadPoolExecutor() as pool:
        frame = pl.DataFrame({"text": pl.Series(list(pool.map(_text, paths)), dtype=pl.String)})
    return Source(manifest, "text", TextFiles(paths), digest_files(manifest, paths), frame=frame)


def _text(path: str) -> str | None:
    try:
        return read_text(path)
    except DataError:
        return None


def held_texts(manifest: Manifest, texts: pl.Series) -> Source:
    """A source of texts in memory, nulls as empty ones; the series has the name of their column."""
    texts = texts.fill_null("")
    lengths = texts.str.len_bytes().to_numpy()
    letters = np.frombuffer("".join(texts).encode(), np.uint8)
    digest = digest_arrays(manifest, lengths, letters)
    return Source(manifest, "text", lambda row: np.array(texts[row]), digest, frame=texts.to_frame())
