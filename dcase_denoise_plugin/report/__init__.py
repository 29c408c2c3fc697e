"""The comparison as one page: what two result folders of the baseline say, with intervals, pictures
and sound, and where every figure comes from.
"""
