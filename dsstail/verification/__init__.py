"""Whether recordings are complete: every line an event, and of each stream every number once."""
