"""A city at play: people who do not exist report and work cases through the loop, by the roles of real accounts.

``plan`` (pure) says what somebody does next to a case and when, ``reports`` (pure) what comes in, ``words`` (pure) what
is written; ``city`` does it through ``dispatch.loop``, ``live`` beside a running server. Nothing here is a way round a
rule: whatever the loop refuses is not done. It plays the past up to now, never the future, and only in a database that
is marked as a demo (``demo``).
"""
