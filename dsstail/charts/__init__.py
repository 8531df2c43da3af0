"""Statistics as people and programs want them: as text, as a picture, as JSON."""
