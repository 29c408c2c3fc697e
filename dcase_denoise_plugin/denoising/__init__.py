"""A trained denoiser: the U-Net, its file, what it must know of a machine, and what it does to a
clip.
"""
