"""Small networks for text: token ids [B, L], 0 for padding at a row's end, in batches of any length."""

from __future__ import annotations

from torch import Tensor, nn

from epochal.models.encoder import Encoder, add_positions, output_layer
from epochal.models.inputs import check_heads, check_sizes, text_vocabulary
from epochal.models.recurrent import Kind, Pooling, Recurrent, pool


class EmbeddingBag(nn.Module):
    """[B, L] -> [B, outputs]: the mean of the tokens' vectors, and a linear layer.

    Joulin et al. 2016, "Bag of tricks for efficient text classification" (fastText). The order of words
    does not count; the baseline that every other network for text has to beat.

    width: of a token's vector. dropout: probability, before the output layer.
    """

    def __init__(
        self, outputs: int, vocabulary: int | None = None, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_sizes("embedding_bag", width=[width])
        ids = text_vocabulary("embedding_bag", vocabulary)
        self.embedding = nn.Embedding(ids, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, L] -> [B, outputs]."""
        logits: Tensor = self.classifier(self.dropout(pool(self.embedding(tokens), tokens != 0)))
        return logits


class TextRNN(nn.Module):
    """[B, L] -> [B, outputs]: an LSTM or GRU reads the tokens' vectors; padding changes nothing.

    With its defaults the BiLSTM-max of Conneau et al. 2017, "Supervised learning of universal sentence
    representations".

    width: of a token's vector. kind: which of them. hidden: the width of each way.
    bidirectional: both ways, or forwards only. layers: how many stand on each other.
    pooling: what the output layer reads: the last state of each way, or the mean or greatest of all tokens.
    dropout: probability, of the vectors, between layers and before the output layer.
    """

    def __init__(
        self,
        outputs: int,
        vocabulary: int | None = None,
        kind: Kind = "lstm",
        width: int = 64,
        hidden: int = 64,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: Pooling = "max",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes("text_rnn", width=[width], hidden=[hidden], layers=[layers])
        self.embedding = nn.Embedding(text_vocabulary("text_rnn", vocabulary), width, padding_idx=0)
        self.recurrent = Recurrent(width, hidden, layers, kind, bidirectional, pooling, dropout)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.recurrent.width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, L] -> [B, outputs]."""
        vector = self.recurrent(self.dropout(self.embedding(tokens)), tokens != 0)
        logits: Tensor = self.classifier(self.dropout(vector))
        return logits


class TextTransformer(nn.Module):
    """[B, L] -> [B, outputs]: a Transformer's encoder, and the mean of what it gives for real tokens.

    Vaswani et al. 2017, "Attention is all you need", with the norms before each part (Xiong et al. 2020).

    width: of a token's vector. layers: the number of blocks. heads: of attention. hidden: the width inside
    the feed-forward parts; None for four times the width. dropout: probability.
    """

    def __init__(
        self,
        outputs: int,
        vocabulary: int | None = None,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_heads("text_transformer", width, heads)
        check_sizes("text_transformer", layers=[layers], hidden=[hidden or 4 * width])
        self.embedding = nn.Embedding(text_vocabulary("text_transformer", vocabulary), width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.encoder = Encoder(width, layers, heads, hidden or 4 * width, dropout)
        self.norm = nn.LayerNorm(width)
        self.classifier = output_layer(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, L] -> [B, outputs]."""
        real = tokens != 0
        encoded = self.encoder(self.dropout(add_positions(self.embedding(tokens))), real)
        logits: Tensor = self.classifier(pool(self.norm(encoded), real))
        return logits
