"""Pictures of what a plan covers: maps of visits as PNG, and a page to look around in."""
