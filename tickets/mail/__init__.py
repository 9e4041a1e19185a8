"""Mail as bytes, read without Django and without trust: who it says wrote it, what it says, what came with it."""
