"""Programs that want out, and answers that want to pass without being right."""
