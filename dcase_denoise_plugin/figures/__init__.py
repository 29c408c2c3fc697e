"""Score files -> AUCs -> intervals -> one comparison, and the reference that CI holds it
against.
"""
