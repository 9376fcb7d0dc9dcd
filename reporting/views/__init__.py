"""Pages of figures and assessments. They hold no rules: what is counted and who may see it is said elsewhere."""
