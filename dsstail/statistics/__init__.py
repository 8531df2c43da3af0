"""What recordings hold, in numbers: counted once over, in bounded memory, without I/O."""
