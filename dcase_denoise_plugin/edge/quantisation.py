"""Quantises the U-Net of an exported graph to int8; STFT, levels and autoencoder stay float32."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import ConfigError

CALIBRATION_CLIPS = 32
LAYERS = ("Conv", "ConvTranspose")


def quantise(path: Path, inputs: Iterable[np.ndarray]) -> None:
    """Replaces the file by its quantised version; weights for each channel, activations for each
    layer by their range over the first 32 `inputs`.

    Raises
    ------
    ConfigError
        If the graph has no U-Net.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Clips(CalibrationDataReader):
        def __init__(self) -> None:
            self.inputs = itertools.islice(inputs, CALIBRATION_CLIPS)

        def get_next(self) -> dict[str, np.ndarray] | None:
            array = next(self.inputs, None)
            return None if array is None else {"input": array}

    graph = onnx.load(path).graph
    rank = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    # The STFT's convolutions run along time alone: their weights have three dimensions.
    layers = [
        node.name for node in graph.node if node.op_type in LAYERS and rank.get(node.input[1]) == 4
    ]
    if not layers:
        raise ConfigError(
            "--int8: expected a denoiser with a U-Net to quantise, got one that leaves it out, or"
            " none. Leave the option out."
        )
    before = logging.root.manager.disable
    # Advice to simplify the graph first, which PyTorch's exporter has done.
    logging.disable(logging.WARNING)
    try:
        quantize_static(path, path, Clips(), nodes_to_quantize=layers, per_channel=True)
    finally:
        logging.disable(before)
