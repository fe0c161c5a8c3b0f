"""How good a checkpoint is: on photos, renders and degraded photos, in words and evidence, against stated goals."""
