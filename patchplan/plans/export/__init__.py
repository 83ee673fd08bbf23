"""Plans for viewers: which rectangles are drawn where, and GeoJSON of them."""
