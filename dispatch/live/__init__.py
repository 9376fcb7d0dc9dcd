"""Live updates: who hears of what, at once. Which server carries the streams is ``gridgov.live``'s business.

``hub`` holds who listens and what was said lately, ``audience`` reads who may hear of a case, ``reader`` finds what is
new in the journal, ``door`` says whose a session is and whether it holds, ``wire`` carries "look" between processes.
"""
