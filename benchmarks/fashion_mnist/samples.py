"""The data as tutorials read it: torchvision's transforms on one PIL image at a time, and a DataLoader."""

from __future__ import annotations

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.fashion_mnist.task import BATCH_SIZE, MEAN, STD, load
from epochal.data.foreign import import_torchvision

import_torchvision()  # which imports beside a CPU-only torch so

from torchvision import transforms  # noqa: E402

NORMALIZE = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
TRAIN = transforms.Compose([transforms.RandomHorizontalFlip(), *NORMALIZE])
TEST = transforms.Compose(NORMALIZE)


class Fashion(Dataset[tuple[Tensor, int]]):
    """What torchvision.datasets.FashionMNIST does, on the same files."""

    def __init__(self, part: str, transform: transforms.Compose) -> None:
        self.images, self.labels = load(part)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def loaders(workers: int = 0) -> tuple[DataLoader[tuple[Tensor, int]], DataLoader[tuple[Tensor, int]]]:
    """For training and for validation."""
    train = DataLoader(Fashion("train", TRAIN), BATCH_SIZE, shuffle=True, num_workers=workers)
    return train, DataLoader(Fashion("t10k", TEST), BATCH_SIZE, num_workers=workers)
