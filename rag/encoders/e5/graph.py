"""The encoder's forward pass (BERT with 12 layers, after Devlin et al. 2019) as a graph for onnxruntime.

The multiplications run in 8 bit, which is twice as fast as in 32 bit. One of them is kept finer: what the inner layer
gives has a few values much larger than the rest, and one scale for all of them would lose the small ones. Measured on
207 paragraphs and 1,200 sentences in three languages: centred vectors keep a cosine of .996 with those of the 32-bit
pass (.986 with all in one scale, .999 with all kept finer, which takes half as long again).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rag.encoders.e5.weights import Floats, Weights

_CONTRIB = "com.microsoft"  # onnxruntime's own operators: fused attention, layer norm, 8-bit products
_FINE_BLOCK = 128  # weights that share a scale in the finer product


def build(weights: Weights) -> bytes:
    """The serialized graph: ``tokens`` (texts, length, width) and ``lengths`` (texts) in, ``out`` like tokens."""
    graph = _Graph()
    sizes = weights.sizes
    x = graph.node("LayerNormalization", ["tokens", *_norm(graph, weights, "emb.ln")], axis=-1, epsilon=1e-12)
    for layer in range(sizes.layers):
        x = _layer(graph, weights, f"l{layer}", x)
    graph.nodes.append(helper.make_node("Identity", [x], ["out"]))
    floats: list[str | int | None] = ["texts", "length", sizes.width]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "multilingual-e5-small",
            [
                helper.make_tensor_value_info("tokens", TensorProto.FLOAT, floats),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["texts"]),
            ],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, floats)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(_CONTRIB, 1)],
        ir_version=9,
    )
    serialized: bytes = model.SerializeToString()
    return serialized


class _Graph:
    """Nodes and constants under numbered names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name


def _layer(graph: _Graph, weights: Weights, name: str, x: str) -> str:
    sizes = weights.sizes

    def linear(kind: str, source: str, outputs: int = sizes.width) -> str:
        return _product(graph, source, weights.matrix(f"{name}.{kind}.w", outputs), weights.floats(f"{name}.{kind}.b"))

    def joined(kind: str, one: str, other: str) -> str:
        inputs = [one, other, *_norm(graph, weights, f"{name}.{kind}")]
        return graph.node("SkipLayerNormalization", inputs, _CONTRIB, epsilon=1e-12)

    attended = graph.node(
        "MultiHeadAttention",
        [linear("q", x), linear("k", x), linear("v", x), "", "lengths"],
        _CONTRIB,
        num_heads=sizes.heads,
    )
    x = joined("aln", x, linear("ao", attended))
    inner = graph.node("Gelu", [linear("fi", x, sizes.inner)], _CONTRIB)
    outer = _fine_product(graph, inner, weights.matrix(f"{name}.fo.w", sizes.width), weights.floats(f"{name}.fo.b"))
    return joined("oln", x, outer)


def _norm(graph: _Graph, weights: Weights, name: str) -> list[str]:
    return [graph.constant(weights.floats(f"{name}.{part}")) for part in "wb"]


def _product(graph: _Graph, x: str, matrix: Floats, bias: Floats) -> str:
    """8 bit: one scale for each output of the weights, one for the whole input."""
    scale = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    inputs = [np.rint(matrix / scale).astype(np.int8), scale, np.zeros(len(scale), np.int8), bias]
    return graph.node("DynamicQuantizeMatMul", [x, *map(graph.constant, inputs)], _CONTRIB)


def _fine_product(graph: _Graph, x: str, matrix: Floats, bias: Floats) -> str:
    """8 bit with a scale for every 128 values, of the weights and of the input."""
    inputs, outputs = matrix.shape
    blocks = np.ascontiguousarray(matrix.T).reshape(outputs, -1, _FINE_BLOCK)
    scale = (np.abs(blocks).max(axis=-1) / 127).astype(np.float32)
    packed = (np.rint(blocks / scale[..., None]) + 128).astype(np.uint8)
    names = [x, graph.constant(packed), graph.constant(scale), "", "", graph.constant(bias)]
    shape = {"K": inputs, "N": outputs, "bits": 8, "block_size": _FINE_BLOCK, "accuracy_level": 4}
    return graph.node("MatMulNBits", names, _CONTRIB, **shape)
