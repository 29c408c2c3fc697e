"""Recordings and what is seen of them: wav files, a machine's clips, spectra, images, the clip's
spectrum, noise.
"""
