"""One class an op, with all of its rules."""

from .attention import Attention
from .bag import EmbeddingBag
from .base import GLOBAL, OPS, POINTWISE, Kept, Op, Specs, Window
from .conv import Conv, ConvTranspose, Fold, TooSmallError, Unfold
from .deformable import DeformConv
from .einsum import Einsum
from .gradient import Gradient
from .layout import Assign, Concat, Copy, Embedding, Fill, Gather, Insert, Pad, Stack
from .matrix import Bilinear, Linear, Matmul
from .norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, RMSNorm, WeightNorm
from .pointwise import Activation, Binary, Cast, Glu, Softmax, Where
from .pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LpPool, MaxPool
from .prelu import Prelu
from .random import Dropout, StochasticDepth
from .reading import Along, Overlap, Reads, straight
from .rearrange import ChannelShuffle, Flip, PixelShuffle, Repeat, Roll
from .recurrent import Gru, Lstm, Rnn
from .reduce import Cumulative, Loss, Reduce, Select
from .resample import GridSample, Interpolate
from .stated import Custom, Uncounted
from .views import Alias, Expand, Permute, Reinterpret, Slice, Split, View, Windows

__all__ = [
    "GLOBAL",
    "OPS",
    "POINTWISE",
    "Activation",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Alias",
    "Along",
    "Assign",
    "Attention",
    "AvgPool",
    "BatchNorm",
    "Bilinear",
    "Binary",
    "Cast",
    "ChannelShuffle",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Copy",
    "Cumulative",
    "Custom",
    "DeformConv",
    "Dropout",
    "Einsum",
    "Embedding",
    "EmbeddingBag",
    "Expand",
    "Fill",
    "Flip",
    "Fold",
    "Gather",
    "Glu",
    "Gradient",
    "GridSample",
    "GroupNorm",
    "Gru",
    "Insert",
    "InstanceNorm",
    "Interpolate",
    "Kept",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "Loss",
    "LpPool",
    "Lstm",
    "Matmul",
    "MaxPool",
    "Op",
    "Overlap",
    "Pad",
    "Permute",
    "PixelShuffle",
    "Prelu",
    "RMSNorm",
    "Reads",
    "Reduce",
    "Reinterpret",
    "Repeat",
    "Rnn",
    "Roll",
    "Select",
    "Slice",
    "Softmax",
    "Specs",
    "Split",
    "Stack",
    "StochasticDepth",
    "TooSmallError",
    "Uncounted",
    "Unfold",
    "View",
    "WeightNorm",
    "Where",
    "Window",
    "Windows",
    "straight",
]
