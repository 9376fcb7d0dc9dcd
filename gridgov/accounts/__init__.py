"""How people sign in and stay signed in: lockouts, passwords, the second factor, sessions, and the trail of all that.

Knows accounts, not roles: who must have what is told by the apps above.
"""
