"""The pages. They hold no rules: what may be done is asked of ``dispatch.loop``, what may be seen of ``dispatch.visibility``."""
