"""
The trained network as OpenVINO graphs, built operation by operation.

The serving engine runs the language model twice over: `inference.ov.judge` as it is, with
its cache as state, and OpenVINO GenAI with paged attention, which it puts in the place of
the attention below. It finds what to replace by form: state, gathered by `beam_idx`, joined
with what is new, and attended to by one operation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from openvino.op.util import Variable, VariableInfo

from models.demo.train.sizes import (
    HEAD,
    HEADS,
    LANGUAGE_BLOCKS,
    ROPE_BASE,
    WIDTH,
)

Floats = NDArray[np.floating[Any]]
Weights = Mapping[str, Floats]
Node = Any  # OpenVINO exports no common class of what may be an input

EPSILON = np.float32(1e-5)
HIDDEN = np.float32(-65504.0)  # the lowest half-precision number: what may not be attended to


def halved(values: Floats) -> Node:
    """A constant that takes two bytes a number on disk."""
    return ops.convert(ops.constant(np.asarray(values, np.float16)), np.float32)


def whole(values: Any) -> Node:
    return ops.constant(np.asarray(values, np.int64))


def linear(rows: Node, weights: Weights, name: str) -> Node:
    product = ops.matmul(rows, halved(weights[f"{name}.weight"]), False, True)
    bias = weights.get(f"{name}.bias")
    return product if bias is None else ops.add(product, halved(bias))


def rms_norm(rows: Node, scale: Floats) -> Node:
    power = ops.power(rows, np.float32(2))
    mean = ops.reduce_mean(power, whole([-1]), True)
    root = ops.sqrt(ops.add(mean, EPSILON))
    return ops.multiply(halved(scale), ops.multiply(rows, ops.divide(np.float32(1), root)))


def word_embeddings(weights: Weights) -> ov.Model:
    """Tokens (batch, length) to rows (batch, length, WIDTH)."""
    tokens = ops.parameter([-1, -1], np.int64, name="input")
    rows = ops.gather(halved(weights["words.weight"]), tokens, whole(0))
    return model([rows], [tokens], "inputs_embeds", "text_embeddings")


def language_model(weights: Weights) -> ov.Model:
    """Rows (batch, length, WIDTH) to logits (batch, length, tokens), with the cache as state."""
    rows = ops.parameter([-1, -1, WIDTH], np.float32, name="inputs_embeds")
    mask = ops.parameter([-1, -1], np.int64, name="attention_mask")
    places = ops.parameter([-1, -1], np.int64, name="position_ids")
    order = ops.parameter([-1], np.int32, name="beam_idx")
    seen = visible(rows, mask)
    turn = rotation(places)
    states: list[Node] = []
    out: Node = rows
    for number in range(LANGUAGE_BLOCKS):
        block = part(weights, f"blocks.{number}.")
        out = ops.add(out, attention(out, block, seen, turn, (order, states)))
        out = ops.add(out, feed_forward(out, block))
    out = rms_norm(out, weights["norm.weight"])
    logits = ops.matmul(out, halved(weights["words.weight"]), False, True)
    inputs = [mask, places, rows, order]
    return model([logits], inputs, "logits", "language_model", states)


def part(weights: Weights, prefix: str) -> Weights:
    return {
        name.removeprefix(prefix): values
        for name, values in weights.items()
        if name.startswith(prefix)
    }


def visible(rows: Node, mask: Node) -> Node:
    """What each new row may attend to: itself and what came before it, without padding."""
    new = ops.gather(ops.shape_of(rows), whole(1), whole(0))
    total = ops.gather(ops.shape_of(mask), whole(1), whole(0))
    columns = ops.range(whole(0), total, whole(1), "i64")
    lines = ops.range(ops.subtract(total, new), total, whole(1), "i64")
    past = ops.less_equal(ops.unsqueeze(columns, whole(0)), ops.unsqueeze(lines, whole(1)))
    real = ops.not_equal(ops.unsqueeze(mask, whole([1, 2])), whole(0))
    allowed = ops.logical_and(ops.unsqueeze(past, whole([0, 1])), real)
    return ops.select(allowed, np.float32(0), HIDDEN)


def rotation(places: Node) -> tuple[Node, Node]:
    """Cosine and sine of each place, (batch, 1, length, HEAD)."""
    speeds = (1 / ROPE_BASE ** (np.arange(0, HEAD, 2) / HEAD)).astype(np.float32)
    angles = ops.multiply(
        ops.unsqueeze(ops.convert(places, np.float32), whole(2)),
        ops.constant(speeds[None, None]),
    )
    both = ops.unsqueeze(ops.concat([angles, angles], -1), whole(1))
    return ops.cos(both), ops.sin(both)


def turned(rows: Node, turn: tuple[Node, Node]) -> Node:
    cosine, sine = turn
    first = ops.slice(rows, whole([0]), whole([HEAD // 2]), whole([1]), whole([3]))
    second = ops.slice(rows, whole([HEAD // 2]), whole([HEAD]), whole([1]), whole([3]))
    swapped = ops.concat([ops.multiply(second, np.float32(-1)), first], -1)
    return ops.add(ops.multiply(rows, cosine), ops.multiply(swapped, sine))


def attention(
    rows: Node,
    block: Weights,
    seen: Node,
    turn: tuple[Node, Node],
    memory: tuple[Node, list[Node]],
) -> Node:
    normed = rms_norm(rows, block["norm_1.weight"])
    order, states = memory
    query, key, value = (
        by_head(ops.matmul(normed, halved(weight), False, True))
        for weight in np.split(block["query_key_value.weight"], 3)
    )
    key = remembered(turned(key, turn), rows, order, states)
    value = remembered(value, rows, order, states)
    mixed = ops.scaled_dot_product_attention(turned(query, turn), key, value, seen)
    joined = ops.reshape(ops.transpose(mixed, whole([0, 2, 1, 3])), whole([0, 0, WIDTH]), True)
    return linear(joined, block, "out")


def by_head(rows: Node) -> Node:
    """(batch, length, WIDTH) to (batch, HEADS, length, HEAD)."""
    split = ops.reshape(rows, whole([0, 0, HEADS, HEAD]), True)
    return ops.transpose(split, whole([0, 2, 1, 3]))


def remembered(new: Node, rows: Node, order: Node, states: list[Node]) -> Node:
    """*new* behind all that came before it, which is kept under a name of its own."""
    info = VariableInfo()
    info.data_shape = ov.PartialShape([-1, HEADS, -1, HEAD])
    info.data_type = ov.Type.f32
    info.variable_id = f"cache.{len(states)}"
    variable = Variable(info)
    batch = ops.gather(ops.shape_of(rows), whole([0]), whole(0))
    shape = ops.concat([batch, whole([HEADS]), whole([0]), whole([HEAD])], 0)
    empty = ops.broadcast(np.float32(0), shape)
    past = ops.gather(ops.read_value(empty, variable), order, whole(0))
    both = ops.concat([past, new], 2)
    states.append(ops.assign(both, variable))
    return both


def feed_forward(rows: Node, block: Weights) -> Node:
    normed = rms_norm(rows, block["norm_2.weight"])
    gate, up = (
        ops.matmul(normed, halved(weight), False, True)
        for weight in np.split(block["gate_up.weight"], 2)
    )
    return linear(ops.multiply(ops.swish(gate), up), block, "down")


def model(
    results: list[Node], inputs: list[Node], output: str, name: str, states: Sequence[Node] = ()
) -> ov.Model:
    for parameter in inputs:
        parameter.output(0).set_names({parameter.friendly_name})
    ends = [ops.result(result) for result in results]
    ends[0].output(0).set_names({output})
    return ov.Model(ends, list(states), inputs, name)
