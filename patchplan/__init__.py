"""Plan patches and tiles for images of any size, and stitch predicted tiles back."""
