"""The JSONL format: one event a line, appended in whole lines, healed, rotated, and read."""
