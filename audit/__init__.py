"""The memory of the desk: who did what, when and through which door."""
