"""The residual network for tables of Gorishniy et al. 2021."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from epochal.models.columns import Columns
from epochal.models.inputs import check_sizes, table_width


def tabular_resnet(
    input_shape: tuple[int, ...],
    outputs: int,
    cardinalities: Sequence[int] = (),
    width: int = 128,
    layers: int = 2,
    expansion: float = 2.0,
    dropout: float = 0.1,
    embedding: int | None = None,
) -> nn.Sequential:
    """Residual blocks of linear layers: [B, F] -> [B, outputs].

    Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", section 3.2: a linear layer,
    blocks of batch norm, linear, ReLU, dropout and linear beside a shortcut, then batch norm, ReLU and the
    output layer.

    width: of the rows between blocks. layers: the number of blocks. expansion: how much wider each block
    is inside. dropout: probability, inside each block. embedding: the width of a category's vector; the
    default follows its number of codes.
    """
    columns = table_width("tabular_resnet", input_shape)
    check_sizes("tabular_resnet", width=[width], layers=[layers], expansion=[int(width * expansion)])
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if any(cardinalities):
        parts["columns"] = embedded = Columns("tabular_resnet", cardinalities, embedding)
        columns = embedded.width
    parts["linear"] = nn.Linear(columns, width)
    for number in range(1, layers + 1):
        parts[f"block{number}"] = _Block(width, int(width * expansion), dropout)
    parts["norm"] = nn.BatchNorm1d(width)
    parts["relu"] = nn.ReLU()
    parts["classifier"] = nn.Linear(width, outputs)
    return nn.Sequential(parts)


class _Block(nn.Module):
    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
        )

    def forward(self, rows: Tensor) -> Tensor:
        widened: Tensor = rows + self.residual(rows)
        return widened
