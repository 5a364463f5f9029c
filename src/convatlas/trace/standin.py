"""Stand-ins for tensors: a shape, a dtype and a place in the graph. They pass for tensors, and hold no data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from ..graph import TensorSpec
from .errors import data_dependent

if TYPE_CHECKING:
    from .tracer import Tracer

DTYPES: dict[torch.dtype, str] = {
    value: str(value).removeprefix("torch.") for value in vars(torch).values() if isinstance(value, torch.dtype)
}
TORCH_DTYPES: dict[str, torch.dtype] = {name: value for value, name in DTYPES.items()}


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides (in elements) of a contiguous tensor."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


class StandIn:
    """A tensor in a trace.

    A plain Python object rather than a tensor subclass: making one takes a tenth of a microsecond, not two. ``strides``
    is None for a contiguous tensor.
    """

    __slots__ = ("spec", "strides", "tracer", "value")

    def __init__(
        self, tracer: Tracer, value: int, spec: TensorSpec, strides: tuple[int, ...] | None = None
    ) -> None:
        self.tracer = tracer
        self.value = value
        self.spec = spec
        self.strides = strides

    def __del__(self) -> None:
        # Python lets go of a stand-in exactly when it would let go of the tensor: that is when its memory may be free
        tracer = self.tracer
        tracer.released[self.value] = len(tracer.nodes)

    @property
    def __class__(self) -> type:  # so that isinstance(x, torch.Tensor) holds, as code under trace expects
        return torch.Tensor

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        from .tracer import active

        return active().dispatch(func, args, kwargs or {})

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

    is_sparse = is_quantized = is_nested = is_mkldnn = is_mps = is_xpu = is_leaf = property(lambda self: False)

    @property
    def requires_grad(self) -> bool:
        return self.spec.is_floating

    def requires_grad_(self, requires_grad: bool = True) -> StandIn:
        return self

    grad = grad_fn = names = property(lambda self: None)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    element_size = lambda self: self.dtype.itemsize  # noqa: E731

    @property
    def nbytes(self) -> int:
        return self.spec.nbytes

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        strides = dense_strides(self.spec.shape) if self.strides is None else self.strides
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> bool:
        return memory_format == torch.contiguous_format and self.strides is None

    def is_floating_point(self) -> bool:
        return "float" in self.spec.dtype

    def is_complex(self) -> bool:
        return "complex" in self.spec.dtype

    def is_same_size(self, other: StandIn) -> bool:
        return self.spec.shape == tuple(other.shape)

    def storage_offset(self) -> int:
        return 0

    def retain_grad(self) -> None:
        return None

    def register_hook(self, hook: Callable[..., Any]) -> None:
        return None

    def __deepcopy__(self, memo: dict[int, Any]) -> StandIn:
        return self

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Iterator[StandIn]:
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<tensor {self.spec} in a trace>"

    def __format__(self, specification: str) -> str:
        return repr(self)

    # what a trace cannot know

    def __bool__(self) -> bool:
        raise data_dependent("its truth value")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a tensor in a trace has no attribute {name!r}")


def _asking_for_values(name: str) -> Callable[..., Any]:
    def method(self: StandIn, *args: Any, **kwargs: Any) -> Any:
        raise data_dependent(f".{name.strip('_')}()")

    method.__name__ = name
    return method


VALUE_METHODS = ("item", "tolist", "numpy", "data_ptr", "equal", "allclose", "is_nonzero", "__int__", "__float__",
                 "__index__", "__complex__", "__contains__", "__array__", "untyped_storage", "storage")  # fmt: skip
for _name in VALUE_METHODS:
    setattr(StandIn, _name, _asking_for_values(_name))


def _forwarding(func: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: StandIn, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.dispatch(func, (self, *args), kwargs)

    return method


def add_tensor_methods() -> None:
    """Give the stand-in every other method of torch.Tensor; each call goes to the tracer's rules."""
    from .functions import FUNCTION_RULES

    def ruled(rule: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: StandIn, *args: Any, **kwargs: Any) -> Any:
            return rule(self.tracer, self, *args, **kwargs)

        return method

    own = set(vars(StandIn)) | {"__new__", "__init__", "__init_subclass__", "__subclasshook__", "__getattribute__",
                                "__setattr__", "__delattr__", "__dir__", "__dict__", "__weakref__", "__module__",
                                "__doc__", "__reduce__", "__reduce_ex__", "__sizeof__", "__str__", "__getstate__",
                                "__setstate__"}  # fmt: skip
    for name in dir(torch.Tensor):
        if name in own:
            continue
        member = getattr(torch.Tensor, name)
        if callable(member):
            rule = FUNCTION_RULES.get(member)
            setattr(StandIn, name, ruled(rule) if rule else _forwarding(member))
    for name, axes in {"T": None, "mT": (-2, -1), "H": (-2, -1), "mH": (-2, -1)}.items():

        def transposed(self: StandIn, axes: tuple[int, int] | None = axes) -> Any:
            return self.transpose(*axes) if axes else self.permute(*reversed(range(self.ndim)))  # type: ignore[attr-defined]

        setattr(StandIn, name, property(transposed))
    StandIn.data = property(lambda self: self.detach())  # type: ignore[attr-defined]
