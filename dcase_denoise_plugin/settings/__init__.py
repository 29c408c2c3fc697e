"""What a user may set: keys, presets, parsing, argparse; and the baseline's own feature
settings.
"""
