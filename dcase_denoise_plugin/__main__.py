"""``python -m dcase_denoise_plugin``: the same as the command dcase-denoise."""

from dcase_denoise_plugin.cli import main

main(prog_name="dcase-denoise")
