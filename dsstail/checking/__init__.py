"""Where on the way to the service a connection fails, why, and what to do about it."""
