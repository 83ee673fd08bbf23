"""What a plan covers: how often each pixel is visited, exactly, and where tiles leave gaps or overlap."""
