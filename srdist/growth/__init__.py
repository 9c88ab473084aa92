"""Documents are added to and removed from a finished index; what they do not touch is not built again."""
