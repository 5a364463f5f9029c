"""Proxies for tensors: a shape, a dtype and a place in the graph. They pass for tensors, and hold no data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from ...graph import TensorSpec
from ...graph.strides import Strides, dense_strides, is_channels_last
from ..errors import TraceError
from ..network import TORCH_DTYPES

if TYPE_CHECKING:
    from .tracer import Tracer


_Tensor: Any = torch.Tensor
_bare = torch.Tensor.__new__


class Proxy(_Tensor):  # type: ignore[misc]  # a tensor whose every member is redefined
    """A tensor in a trace.

    To torch it is a tensor without elements, which takes half a microsecond to make, and which torch's own C++ code may
    safely look at. ``spec`` tells what it stands for.
    """

    __slots__ = ("spec", "tracer", "value")

    spec: TensorSpec
    tracer: Tracer
    value: int

    def __del__(self) -> None:
        # Python lets go of a proxy exactly when it would let go of the tensor: that is when its memory may be free
        tracer = self.tracer
        tracer.released[self.value] = len(tracer.nodes)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # within its trace, the mode is asked first
        raise TraceError("a tensor of a finished trace was used; a trace's tensors hold no data")

    @property
    def strides(self) -> Strides:
        """How it lies in memory; None where it is contiguous."""
        return self.tracer.strides.get(self.value)

    # what code asks of a tensor besides its values

    @property
    def shape(self) -> torch.Size:
        return torch.Size(self.spec.shape)

    def size(self, dim: int | None = None) -> torch.Size | int:
        return torch.Size(self.spec.shape) if dim is None else self.spec.shape[dim]

    @property
    def ndim(self) -> int:
        return len(self.spec.shape)

    def dim(self) -> int:
        return len(self.spec.shape)

    def numel(self) -> int:
        return self.spec.numel

    nelement = numel

    def __len__(self) -> int:
        if not self.spec.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.spec.shape[0]

    @property
    def dtype(self) -> torch.dtype:
        return TORCH_DTYPES[self.spec.dtype]

    @property
    def device(self) -> torch.device:
        return self.tracer.device

    def get_device(self) -> int:
        return -1 if self.tracer.device.index is None else self.tracer.device.index

    @property
    def layout(self) -> torch.layout:
        return torch.strided

    @property
    def is_cuda(self) -> bool:
        return self.tracer.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self.tracer.device.type == "cpu"

    @property
    def is_meta(self) -> bool:
        return False  # code that branches on it would skip the work that is to be counted

    is_sparse = is_quantized = is_nested = is_mkldnn = is_mps = is_xpu = property(lambda self: False)

    @property
    def requires_grad(self) -> bool:
        return self.spec.is_floating

    grad = names = property(lambda self: None)

    @property
    def data(self) -> Proxy:
        return self.detach()  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    def element_size(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.spec.nbytes

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        strides = self.strides or dense_strides(self.spec.shape)
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> bool:
        if memory_format == torch.contiguous_format:
            return self.strides is None
        return is_channels_last(self.spec.shape, self.strides or dense_strides(self.spec.shape))

    def is_floating_point(self) -> bool:
        return "float" in self.spec.dtype

    def is_complex(self) -> bool:
        return "complex" in self.spec.dtype

    def is_same_size(self, other: Proxy) -> bool:
        return self.spec.shape == tuple(other.shape)

    def __copy__(self) -> Proxy:
        return proxy_of(self.tracer, self.value, self.spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        return self.clone()  # type: ignore[no-any-return]

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Iterator[Proxy]:
        return iter(self.unbind(0))

    def __repr__(self) -> str:
        return f"<tensor {self.spec} in a trace>"

    def __format__(self, specification: str) -> str:
        return repr(self)

    # what a trace cannot know

    def __bool__(self) -> bool:
        raise self.tracer.asks_for_values("its truth value")


def proxy_of(tracer: Tracer, value: int, spec: TensorSpec) -> Proxy:
    """The proxy of a value of the tracer's graph."""
    made: Proxy = _bare(Proxy)
    made.tracer, made.value, made.spec = tracer, value, spec
    return made


def _asking_for_values(name: str) -> Callable[..., Any]:
    def method(self: Proxy, *args: Any, **kwargs: Any) -> Any:
        raise self.tracer.asks_for_values(f".{name.strip('_')}()")

    method.__name__ = name
    return method


_VALUE_METHODS = ("item", "tolist", "numpy", "data_ptr", "equal", "allclose", "is_nonzero", "__int__", "__float__",
                 "__index__", "__complex__", "__contains__", "__array__", "untyped_storage", "storage")  # fmt: skip
for _name in _VALUE_METHODS:
    setattr(Proxy, _name, _asking_for_values(_name))


def add_tensor_methods() -> None:
    """Let the methods of tensors that have a rule go straight to it, without the way through torch's own dispatch."""
    from .functions import FUNCTION_RULES

    def ruled(rule: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Proxy, *args: Any, **kwargs: Any) -> Any:
            tracer = self.tracer
            return tracer.apply(rule, (self, *args), kwargs) if kwargs else rule(tracer, self, *args)

        return method

    own = vars(Proxy)
    for name in dir(torch.Tensor):
        member = getattr(torch.Tensor, name)
        if name not in own and callable(member) and member in FUNCTION_RULES:
            setattr(Proxy, name, ruled(FUNCTION_RULES[member]))
    for name, axes in {"T": None, "mT": (-2, -1), "H": (-2, -1), "mH": (-2, -1)}.items():

        def transposed(self: Proxy, axes: tuple[int, int] | None = axes) -> Any:
            return self.transpose(*axes) if axes else self.permute(*reversed(range(self.ndim)))

        setattr(Proxy, name, property(transposed))
    for name in ("real", "imag"):
        setattr(Proxy, name, property(getattr(torch, name)))
