"""convatlas: know a convolutional network before you train it."""
