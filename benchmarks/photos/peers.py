"""The same batches by peers, each as its documentation has it; two loader processes where it has any.

What a peer first converts the folder into (tar files, litdata's chunks) is not in its time.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks.measure import report
from benchmarks.photos.clock import BATCH_SIZE, MEAN, SIZE, STD, measure, photos
from benchmarks.torchvision_operators import describe_operators

describe_operators()

from torchvision import datasets, transforms  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

PIL = transforms.Compose(
    [
        transforms.RandomResizedCrop(SIZE),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
)
TENSOR = v2.Compose(
    [
        v2.RandomResizedCrop(SIZE, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
)


def loader(dataset, workers):
    """A DataLoader for every epoch."""
    found = DataLoader(dataset, BATCH_SIZE, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    return lambda _: found


def torchvision_pil(workers):
    """torchvision's tutorial."""
    measure(lambda: loader(datasets.ImageFolder(photos(), PIL), int(workers)))


def torchvision_v2(workers):
    """torchvision's own JPEG decoder and the transforms on uint8 tensors."""
    from torchvision.io import ImageReadMode, decode_jpeg, read_file

    try:
        decode_jpeg(read_file(str(next(photos().rglob("*.jpg")))))
    except (RuntimeError, ImportError) as error:
        report(unavailable=f"torchvision's operators do not load here: {str(error).splitlines()[0]}")
        return

    def read(path):
        return decode_jpeg(read_file(path), ImageReadMode.RGB)

    measure(lambda: loader(datasets.ImageFolder(photos(), TENSOR, loader=read), int(workers)))


def simplejpeg_v2(workers):
    """An ImageFolder with simplejpeg as its loader and the transforms on uint8 tensors."""
    import simplejpeg

    def read(path):
        with open(path, "rb") as file:
            return torch.from_numpy(simplejpeg.decode_jpeg(file.read())).permute(2, 0, 1)

    measure(lambda: loader(datasets.ImageFolder(photos(), TENSOR, loader=read), int(workers)))


def opencv(workers):
    """An ImageFolder that decodes and resizes with OpenCV, the usual hand-made fast loader."""
    import cv2

    cv2.setNumThreads(0)
    mean, std = np.float32(MEAN) * 255, np.float32(STD) * 255

    def transform(image):
        top, left, height, width = transforms.RandomResizedCrop.get_params(
            torch.empty(1, *image.shape[:2]), (0.08, 1.0), (3 / 4, 4 / 3)
        )
        image = cv2.resize(image[top : top + height, left : left + width], (SIZE, SIZE))
        if torch.rand(()) < 0.5:
            image = image[:, ::-1]
        return torch.from_numpy(((image - mean) / std).transpose(2, 0, 1).copy())

    def read(path):
        return cv2.imread(path, cv2.IMREAD_COLOR_RGB)

    measure(lambda: loader(datasets.ImageFolder(photos(), transform, loader=read), int(workers)))


def hf_datasets(workers):
    """The imagefolder builder, with transforms on the fly."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()

    def transform(examples):
        return {"image": [PIL(image) for image in examples["image"]], "label": examples["label"]}

    def pairs(found):
        return lambda _: ((batch["image"], batch["label"]) for batch in found)

    with tempfile.TemporaryDirectory() as folder:

        def prepare():
            dataset = load_dataset("imagefolder", data_dir=str(photos()), split="train", cache_dir=folder)
            return pairs(loader(dataset.with_transform(transform), int(workers))(0))

        measure(prepare)


def webdataset(workers):
    """Four tar files, shuffled by shard and by a buffer of 1,000."""
    import webdataset as wds

    with tempfile.TemporaryDirectory() as folder:
        names = sorted({path.parent.name for path in photos().rglob("*.jpg")})
        with wds.ShardWriter(f"{folder}/%02d.tar", maxcount=len(_paths()) // 4, verbose=0) as sink:
            for number in np.random.default_rng(0).permutation(len(_paths())):
                path = _paths()[number]
                label = names.index(path.parent.name)
                sink.write({"__key__": path.stem, "jpg": path.read_bytes(), "cls": label})
        shards = sorted(str(path) for path in Path(folder).glob("*.tar"))

        def prepare():
            dataset = (
                wds.WebDataset(shards, shardshuffle=len(shards))
                .shuffle(1000)
                .decode("pil")
                .to_tuple("jpg", "cls")
                .map_tuple(PIL, int)
                .batched(BATCH_SIZE)
            )
            found = wds.WebLoader(dataset, batch_size=None, num_workers=int(workers), persistent_workers=True)
            return lambda _: found

        measure(prepare)


def litdata(workers):
    """Chunks of encoded images, streamed from the disk."""
    import litdata as ld

    names = sorted({path.parent.name for path in _paths()})

    with tempfile.TemporaryDirectory() as folder:
        inputs = [(str(path), names.index(path.parent.name)) for path in _paths()]
        with open(os.devnull, "w") as silence:
            out, sys.stdout = sys.stdout, silence
            ld.optimize(_litdata_item, inputs, folder, chunk_bytes="64MB", num_workers=1)
            sys.stdout = out

        def prepare():
            dataset = ld.StreamingDataset(folder, shuffle=True, transform=_litdata_transform)
            found = ld.StreamingDataLoader(dataset, batch_size=BATCH_SIZE, num_workers=int(workers))
            return lambda _: found

        measure(prepare)


def _litdata_transform(item):
    return PIL(Image.open(io.BytesIO(item["image"])).convert("RGB")), item["label"]


def _litdata_item(pair):
    return {"image": Path(pair[0]).read_bytes(), "label": pair[1]}


@cache
def _paths():
    return sorted(photos().rglob("*.jpg"))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
