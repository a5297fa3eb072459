"""Images a second from a folder of photos to normalised 224×224 batches, randomly cropped and flipped."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Contestant, finish, interleave, markdown, medians, number, parse, ratio, said
from benchmarks.photos.clock import FOLDER
from benchmarks.photos.images import write_photos

_OURS, _PEERS = "benchmarks.photos.ours", "benchmarks.photos.peers"
CONTESTANTS = {
    "ours": Contestant("**epochal, its cache on disk**", _OURS),
    "torchvision": Contestant(
        "torchvision ImageFolder with PIL, 2 workers", _PEERS, ("torchvision_pil", "2")
    ),
    "torchvision-0": Contestant("the same without workers", _PEERS, ("torchvision_pil", "0")),
    "decode-jpeg": Contestant("torchvision v2 with decode_jpeg, 2 workers", _PEERS, ("torchvision_v2", "2")),
    "simplejpeg": Contestant("simplejpeg and torchvision v2, 2 workers", _PEERS, ("simplejpeg_v2", "2")),
    "opencv": Contestant("OpenCV in a Dataset, 2 workers", _PEERS, ("opencv", "2")),
    "hf": Contestant("HF datasets, 2 workers", _PEERS, ("hf_datasets", "2")),
    "webdataset": Contestant("webdataset, 2 workers", _PEERS, ("webdataset", "2")),
    "litdata": Contestant("litdata, 2 workers", _PEERS, ("litdata", "2")),
}


def main() -> None:
    """Write the photos, run, print the table, write results/photos.json."""
    arguments = parse(CONTESTANTS, __doc__, count=2000)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        paths = write_photos(root, arguments.count)
        size = sum(path.stat().st_size for path in paths) / len(paths)
        said(f"{len(paths)} photos of {size / 1000:.0f} kB")
        # each contestant has the cores to itself, and as many threads as it would take unasked
        reports = interleave(arguments.contestants, arguments.rounds, {FOLDER: str(root)})
    base_first, base_later = (medians(reports.get("ours", []), key) for key in ("first", "later"))
    rows = []
    for key, entries in reports.items():
        if "unavailable" in entries[0]:
            rows.append([CONTESTANTS[key].label, "not available", "", "", ""])
            continue
        first, later = medians(entries, "first"), medians(entries, "later")
        shares = ratio(base_first, first), ratio(base_later, later)
        rows.append([CONTESTANTS[key].label, number(first, 0), shares[0], number(later, 0), shares[1]])
    header = ("images/s", "first epoch", "epochal is", "later epochs", "epochal is")
    results = {"rounds": arguments.rounds, "count": arguments.count, "bytes": round(size), "reports": reports}
    finish("photos", results, markdown(header, rows))


if __name__ == "__main__":
    main()
