"""Template tags that ask the rules of the desk."""
