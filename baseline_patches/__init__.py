"""Everything that knows the DCASE Task 2 baseline from inside; it is patched in memory, never on
disk.

Put this folder on PYTHONPATH (or run ``dcase-denoise enable`` once) and the baseline's own scripts
know the ``denoise`` keys.
"""
