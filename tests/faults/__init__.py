"""The real command, killed, starved and lied to."""
