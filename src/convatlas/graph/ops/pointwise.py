"""Element-wise ops: activations, arithmetic with broadcasting, dropout, casts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, NamedTuple

from ...errors import ConvatlasError
from ..spec import TensorSpec, broadcast, kind_of, result_dtype
from ..strides import Strides
from .base import AS_INPUTS, NOTHING, Backward, Kept, Op, Specs, axis_of, in_turn, one_by_one
from .reading import Reads, straight


class Function(NamedTuple):
    """What a function of one tensor costs an element, and what its derivative reads."""

    operations: int = 1
    keeps: str = "input"  # "input", "output", "sign" (of the input) or "nothing"
    in_place_keeps: str = "clone"  # in place the input is gone: "output" serves, or a "clone" of the input is made


FUNCTIONS: dict[str, Function] = {
    # activations
    "relu": Function(1, "output", "output"),
    "leaky_relu": Function(2, "input", "output"),
    "rrelu": Function(2, "input", "output"),
    "threshold": Function(1, "output", "output"),
    "relu6": Function(2),
    "hardtanh": Function(2),
    "sigmoid": Function(1, "output", "output"),
    "hardsigmoid": Function(4),
    "logsigmoid": Function(3),
    "tanh": Function(1, "output", "output"),
    "silu": Function(2),
    "hardswish": Function(5),
    "mish": Function(4),
    "gelu": Function(5),
    "elu": Function(3, "input", "output"),
    "selu": Function(4, "input", "output"),
    "celu": Function(4, "input", "output"),
    "softplus": Function(3),
    "softsign": Function(3),
    "softshrink": Function(2),
    "hardshrink": Function(1),
    "tanhshrink": Function(2),
    # functions of one tensor
    "exp": Function(1, "output", "output"),
    "expm1": Function(2, "output", "output"),
    "sqrt": Function(1, "output", "output"),
    "rsqrt": Function(2, "output", "output"),
    "reciprocal": Function(1, "output", "output"),
    "log": Function(1),
    "log1p": Function(2),
    "log2": Function(1),
    "abs": Function(1),
    "log10": Function(1),
    "exp2": Function(1, "output", "output"),
    "square": Function(1),
    "pow": Function(1),
    "sin": Function(1),
    "cos": Function(1),
    "tan": Function(1, "output", "output"),
    "asin": Function(1),
    "acos": Function(1),
    "atan": Function(1),
    "sinh": Function(1),
    "cosh": Function(1),
    "erf": Function(1),
    "erfc": Function(1),
    "logit": Function(3),
    "sinc": Function(2),
    "clamp": Function(2),
    "neg": Function(1, "nothing", "nothing"),
    "sign": Function(1, "nothing", "nothing"),
    "floor": Function(1, "nothing", "nothing"),
    "ceil": Function(1, "nothing", "nothing"),
    "round": Function(1, "nothing", "nothing"),
    "trunc": Function(1, "nothing", "nothing"),
    "frac": Function(1, "nothing", "nothing"),
    "nan_to_num": Function(1),
    # a tensor and a number
    "add": Function(1, "nothing", "nothing"),
    "sub": Function(1, "nothing", "nothing"),
    "rsub": Function(1, "nothing", "nothing"),
    "mul": Function(1, "nothing", "nothing"),
    "div": Function(1, "nothing", "nothing"),
    "remainder": Function(1, "nothing", "nothing"),
    "bitwise_not": Function(1, "nothing", "nothing"),
}

# what is multiplied with the incoming gradient, as functions of what is kept, one after another; others have a kernel for it
DERIVATIVES: dict[str, tuple[str, ...]] = {
    "pow": ("pow", "mul"),
    "square": ("pow", "mul"),
    "sqrt": ("mul",),
    "rsqrt": ("pow", "mul"),
    "reciprocal": ("square", "neg"),
    "exp": (),
    "expm1": ("add",),
    "exp2": ("mul",),
    "log": (),
    "log1p": ("add",),
    "log2": ("mul",),
    "log10": ("mul",),
    "abs": ("sign",),
    "sin": ("cos",),
    "cos": ("sin", "neg"),
    "tan": ("pow", "add"),
    "sinh": ("cosh",),
    "cosh": ("sinh",),
    "erf": ("pow", "neg", "exp", "mul"),
}

_TO_BOOL = frozenset(
    {"isnan", "isinf", "isfinite", "logical_not", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"}
)


@dataclass(frozen=True, slots=True)
class Activation(Op):
    """A function of one tensor, element by element."""

    kind: ClassVar[str] = "activation"
    lies: ClassVar[str] = AS_INPUTS
    function: str = "relu"
    in_place: bool = False  # here a field, elsewhere a fact of the class

    @property
    def name(self) -> str:
        return self.function

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.in_place

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        spec = inputs[0]
        if self.in_place:
            return spec
        if self.function in _TO_BOOL:
            return TensorSpec(spec.shape, "bool")
        if self.function == "abs" and kind_of(spec.dtype) == 3:
            return TensorSpec(spec.shape, {"complex64": "float32", "complex128": "float64"}.get(spec.dtype, "float16"))
        return spec

    def output_strides(self, inputs: Specs, strides: Sequence[Strides], outputs: Specs) -> tuple[Strides, ...]:
        return (None,) if self.function == "logsigmoid" else Op.output_strides(self, inputs, strides, outputs)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(inputs[0].shape) * FUNCTIONS.get(self.function, Function()).operations

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        function = FUNCTIONS.get(self.function, Function())
        keeps = function.in_place_keeps if self.in_place else function.keeps
        match keeps:
            case "input":
                buffer = (inputs[0],) if self.function == "logsigmoid" else ()  # of exponentials
                return Kept(inputs=(0,), extra=buffer)
            case "output":
                return Kept(outputs=(0,))
            case "clone":
                return Kept(extra=(inputs[0],))
        return NOTHING

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        if self.function == "add":
            return [grad]
        if self.function == "clamp":
            mask = call.add(
                Binary("logical_and", True), call.add(Activation("gt"), call.inputs[0]), call.add(Activation("lt"), call.inputs[0])
            )
            return [call.add(Where(), mask, grad)]
        if self.function not in DERIVATIVES:
            return call.kernel(grads, call.needs)
        kept = (call.extra or (call.outputs if FUNCTIONS[self.function].keeps == "output" else call.inputs))[0]
        factor = in_turn(call, [Activation(step) for step in DERIVATIVES[self.function]], kept)
        return [call.add(Binary("mul"), grad, factor)]


@dataclass(frozen=True, slots=True)
class Binary(Op):
    """Arithmetic on two tensors, or more (addcmul, lerp), with broadcasting; comparisons give bool."""

    kind: ClassVar[str] = "arithmetic"
    lies: ClassVar[str] = AS_INPUTS
    roles: ClassVar[tuple[str, ...]] = ("left", "right")
    function: str = "add"
    in_place: bool = False

    @property
    def name(self) -> str:
        return self.function

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.in_place

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        left, right = inputs[0], inputs[1]
        if len(inputs) > 2:
            first, *others = inputs
            left = TensorSpec(broadcast(first.shape, right.shape), result_dtype(first, right))
            return self.output(first if self.in_place else left, *others[1:])
        if left == right and left.is_floating and self.function not in _TO_BOOL:
            return left
        shape = broadcast(left.shape, right.shape)
        if self.in_place:
            if shape != left.shape:
                raise ConvatlasError(f"in-place {self.function} of {right.shape} does not fit into {left.shape}")
            return left
        if self.function in _TO_BOOL:
            return TensorSpec(shape, "bool")
        dtype = result_dtype(left, right)
        if self.function == "sub" and "bool" in (left.dtype, right.dtype):
            raise ConvatlasError("torch does not subtract bool tensors; use `logical_xor`")
        if self.function in ("div", "atan2") and kind_of(dtype) < 2:
            dtype = "float32"
        return TensorSpec(shape, dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        left, right = needs_grad[0], needs_grad[1]
        match self.function:
            case "mul":
                if self.in_place and right:  # the left operand is overwritten, its old value is cloned
                    return Kept(inputs=(1,) if left else (), extra=(inputs[0],))
                return Kept(inputs=((0,) if right else ()) + ((1,) if left else ()))
            case "div":
                if self.in_place and right:
                    return Kept(inputs=(1,), extra=(inputs[0],))
                return Kept(inputs=((0,) if right else ()) + (1,))
            case "maximum" | "minimum" | "pow" | "atan2":
                return Kept(inputs=(0, 1))
            case "addcmul" | "addcdiv":
                return Kept(inputs=(1, 2))
            case "lerp":
                return Kept(inputs=tuple(range(len(inputs))))
        return NOTHING

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        left, right = call.extra[0] if call.extra else call.inputs[0], call.inputs[1]
        multiply, divide = Binary("mul"), Binary("div")

        def gradient(index: int) -> int | None:
            match self.function:
                case "add":
                    return grad
                case "sub":
                    return call.add(Activation("neg"), grad) if index else grad
                case "mul":
                    return call.add(multiply, grad, left if index else right)
                case "div" if index:
                    quotient = call.add(divide, call.add(divide, left, right), right)
                    return call.add(multiply, call.add(Activation("neg"), grad), quotient)
                case "div":
                    return call.add(divide, grad, right)
                case "maximum" | "minimum":
                    call.add(Binary("lt"), left, right)  # where it is not the extreme
                    half, equal = call.add(Activation("div"), grad), call.add(Binary("eq"), left, right)
                    return call.add(Activation("masked_fill", in_place=True), call.add(Where(), equal, half, grad))
            full = call.spec(call.outputs[0])
            wanted = [place == index for place in range(2)]
            return call.kernel(grads, wanted, [full, full])[index]

        return one_by_one(call, gradient)


@dataclass(frozen=True, slots=True)
class Glu(Op):
    """First half of ``axis`` times the sigmoid of the second."""

    kind: ClassVar[str] = "activation"
    lies: ClassVar[str] = AS_INPUTS
    axis: int = -1

    @property
    def name(self) -> str:
        return "glu"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = list(inputs[0].shape)
        if shape[self.axis] % 2:
            raise ConvatlasError(f"glu halves axis {self.axis}, but its size is {shape[self.axis]} in {inputs[0].shape}")
        shape[self.axis] //= 2
        return TensorSpec(tuple(shape), inputs[0].dtype)

    def gradient_strides(self, given: Specs, lay: Sequence[Strides], gradient: TensorSpec, strides: Strides) -> tuple[Strides, ...]:
        return (None,)  # made packed, however the input lies

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 2 * prod(outputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        return straight(shape, outputs[output].shape, (axis_of(self.axis, len(shape)),))


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """exp(x) / sum(exp(x)) along ``axis``, or its logarithm: exp, sum and divide for each element."""

    kind: ClassVar[str] = "softmax"
    axis: int = -1
    log: bool = False
    dtype: str | None = None
    safe: bool = False  # as within attention: a row that is masked altogether gives zeros

    @property
    def name(self) -> str:
        return "log_softmax" if self.log else "softmax"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(inputs[0].shape, self.dtype or inputs[0].dtype)

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return 3 * prod(inputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(outputs=(0,))

    def reads(self, index: int, output: int, inputs: Specs, outputs: Specs) -> Reads:
        shape = inputs[0].shape
        return straight(shape, outputs[output].shape, (axis_of(self.axis, len(shape)),))


@dataclass(frozen=True, slots=True)
class Where(Op):
    """Choose by a mask between two tensors, a tensor and a number, or two numbers (of ``dtype``); keeps the mask."""

    kind: ClassVar[str] = "where"
    lies: ClassVar[str] = AS_INPUTS
    roles: ClassVar[tuple[str, ...]] = ("condition", "left", "right")
    dtype: str = "float32"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        shape = inputs[0].shape
        for spec in inputs[1:]:
            shape = broadcast(shape, spec.shape)
        return TensorSpec(shape, self.dtype if len(inputs) == 1 else result_dtype(inputs[1], inputs[-1]))

    def elementwise(self, inputs: Specs, outputs: Specs) -> int:
        return prod(outputs[0].shape)

    def kept(self, inputs: Specs, outputs: Specs, needs_grad: Sequence[bool]) -> Kept:
        return Kept(inputs=(0,))

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        return one_by_one(call, lambda index: call.add(Where(), call.inputs[0], grad))


@dataclass(frozen=True, slots=True)
class Cast(Op):
    """Another dtype for the same elements."""

    kind: ClassVar[str] = "cast"
    lies: ClassVar[str] = AS_INPUTS
    dtype: str = "float32"

    def output(self, *inputs: TensorSpec) -> TensorSpec:
        return TensorSpec(inputs[0].shape, self.dtype)

    def gradients(self, call: Backward, grads: Sequence[int | None]) -> list[int | None]:
        grad = grads[0]
        assert grad is not None
        return [call.add(Cast(call.spec(call.inputs[0]).dtype), grad)]
