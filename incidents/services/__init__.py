"""The only writers of a case's status, clocks and journal.

``report`` makes a case, ``transition`` moves it (called by ``dispatch.loop`` alone, held by import-linter), ``entry``
adds what happened without moving it.
"""
