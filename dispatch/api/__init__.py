"""The HTTP interface of the loop: thin views over ``dispatch.loop``, ``dispatch.selectors`` and their siblings."""
