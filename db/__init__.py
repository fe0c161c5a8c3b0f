"""What people and models said: the store of photos, predictions, answers and everything that follows from them."""
