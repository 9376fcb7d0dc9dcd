"""What the running software tells about itself: log lines, metrics, slow statements, and which processes live.

Nothing here knows what a case is: the figures of the loop are gathered above (``dispatch.measures``).
"""
