"""The stage of one machine type: built-in methods, methods of the user's, and what its features
rest on.
"""
