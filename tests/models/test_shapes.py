"""Inputs as they are typed: which axes they have, and whether one of them is the batch's."""

from __future__ import annotations

import pytest

from convatlas import ConvatlasError, Inputs, TensorSpec
from convatlas.models.shapes import NO_BATCH, inputs_of, parse_input, parse_inputs

IMAGE = (3, 224, 224)


def shape_of(text: str, batch: int | None = None, own: tuple[int, ...] | None = IMAGE, axes: int | None = 3) -> object:
    return inputs_of(parse_inputs([text]), batch, own, axes).args[0]


@pytest.mark.parametrize(
    ("text", "axes", "shape"),
    [
        ("3x32x32", 3, (1, 3, 32, 32)),
        ("3,32,32", 3, (1, 3, 32, 32)),  # nothing else can be meant
        ("8x3x32x32", 3, (8, 3, 32, 32)),
        ("8,3,32,32", 3, (8, 3, 32, 32)),
        ("3x16x32x32", 4, (1, 3, 16, 32, 32)),  # a clip, not a batch of three images
        ("2x3x16x32x32", 4, (2, 3, 16, 32, 32)),
        ("4x100", 2, (1, 4, 100)),
        ("10", None, (1, 10)),
        ("4x10", None, (1, 4, 10)),
        ("4,10", None, (4, 10)),
        ("10,", None, (10,)),
        ("scalar", None, (1,)),
        ("3X32×32", 3, (1, 3, 32, 32)),
    ],
)
def test_whether_a_shape_has_its_batch_axis(text: str, axes: int | None, shape: tuple[int, ...]) -> None:
    assert shape_of(text, own=None, axes=axes) == shape


def test_the_batch_goes_where_there_is_none() -> None:
    assert shape_of("3x32x32", batch=5) == (5, 3, 32, 32)
    assert shape_of("5,3,32,32", batch=5) == (5, 3, 32, 32)
    with pytest.raises(ConvatlasError, match="has a batch of 4, and `--batch` is 5"):
        shape_of("4,3,32,32", batch=5)


def test_without_a_batch_axis_a_shape_is_the_tensors() -> None:
    assert shape_of("7x20", batch=NO_BATCH, own=None, axes=None) == (7, 20)
    assert inputs_of([], NO_BATCH, (3, 8, 8), 3) == Inputs((3, 8, 8))


def test_several_inputs_have_names_dtypes_and_one_batch() -> None:
    typed = parse_inputs(["8,3,64,64", "tokens=10:int64", "mask = 4×4 : bool", "t=scalar:float16"])
    assert inputs_of(typed, None, None, 3) == Inputs(
        (8, 3, 64, 64),
        tokens=TensorSpec((8, 10), "int64"),
        mask=TensorSpec((8, 4, 4), "bool"),
        t=TensorSpec((8,), "float16"),
    )


@pytest.mark.parametrize("text", ["", "x", "3x", "0x3", "-3x4", "3x4.5", "x=", "3x4:", "=3x4", "3 4", "a b=3", "3x4:int64:int8"])
def test_what_is_no_shape_is_shown_with_a_way_out(text: str) -> None:
    with pytest.raises(ConvatlasError, match="write 3x224x224"):
        parse_input(text)


def test_an_unknown_dtype_gets_the_nearest_and_a_name_is_given_once() -> None:
    with pytest.raises(ConvatlasError, match="int64"):
        parse_input("10:int46")
    with pytest.raises(ConvatlasError, match="x twice"):
        parse_inputs(["x=3", "x=4"])


def test_capitals_mean_the_same_in_a_dtype() -> None:
    assert parse_input("10:Int64").dtype == "int64"


def test_a_convolutions_axes_say_nothing_of_tokens() -> None:
    assert shape_of("4,20:int64", own=None, axes=2) == TensorSpec((4, 20), "int64")
    assert shape_of("20:int64", own=None, axes=2) == TensorSpec((1, 20), "int64")
    assert shape_of("4,20:int64", own=(4, 20), axes=2) == TensorSpec((1, 4, 20), "int64")
