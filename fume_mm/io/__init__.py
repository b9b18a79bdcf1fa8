"""The ground floor: images, tables, weights, files, progress."""
