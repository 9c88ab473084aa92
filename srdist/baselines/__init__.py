"""Other retrievers on the same passages and test queries."""
