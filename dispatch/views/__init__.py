"""The pages. They hold no rules: ``dispatch.loop`` says what may be done, ``dispatch.visibility`` what may be seen."""
