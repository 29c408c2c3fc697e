"""Quantises the U-Net of an exported graph to int8, by what its layers see on training clips. STFT, levels, spectra and autoencoder stay float32.

In int8 the STFT alone would lose everything 48 dB below a frame's loudest bin, and the anomalies with it.
"""
from __future__ import annotations

import logging
from pathlib import Path
from typing import Iterable

import numpy as np

from dcase_denoise_plugin.errors import ConfigError

CALIBRATION_CLIPS = 32
LAYERS = ("Conv", "ConvTranspose")


def quantise(path: Path, inputs: Iterable[np.ndarray]) -> None:
    """Replaces the file by its quantised version; weights for each channel, activations for each layer by their range over `inputs`.

    Raises
    ------
    ConfigError
        If the graph has no U-Net.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Clips(CalibrationDataReader):
        def __init__(self):
            self.inputs = iter(inputs)

        def get_next(self):
            array = next(self.inputs, None)
            return None if array is None else {"input": array}

    graph = onnx.load(path).graph
    rank = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    # The STFT's convolutions run along time alone: their weights have three dimensions.
    layers = [node.name for node in graph.node if node.op_type in LAYERS and rank.get(node.input[1]) == 4]
    if not layers:
        raise ConfigError("--int8: expected a denoiser with a U-Net to quantise, got one that leaves it out, or none. Leave the option out.")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # advice to simplify the graph first, which PyTorch's exporter has done
    try:
        quantize_static(path, path, Clips(), nodes_to_quantize=layers, per_channel=True)
    finally:
        logging.disable(before)
