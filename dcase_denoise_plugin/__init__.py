"""A denoising stage for the unchanged DCASE Task 2 baseline.

``from dcase_denoise_plugin import Denoiser; Denoiser.load(path)(wav, sample_rate_hz)`` denoises a
clip.
"""

from __future__ import annotations

__version__ = "0.2.0"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
__all__ = ["Denoiser"]


def __getattr__(name: str) -> Any:
    # The start-up hook imports this package in every Python process; torch (seconds) comes only
    # with the first use of Denoiser.
    if name == "Denoiser":
        from dcase_denoise_plugin.denoising.denoiser import Denoiser

        return Denoiser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
