"""The full-screen view: what is known of streams and devices, looked at through a terminal."""
