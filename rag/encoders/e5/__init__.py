"""multilingual-e5-small, the finer of the two embedded encoders: weights from a package, run by onnxruntime."""

from rag.encoders.e5.encoder import E5Encoder
from rag.encoders.e5.weights import find_weights

__all__ = ["E5Encoder", "find_weights"]
