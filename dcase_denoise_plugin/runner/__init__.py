"""Runs side by side: progress, the screen, studies, clusters, and the summary at the end."""
