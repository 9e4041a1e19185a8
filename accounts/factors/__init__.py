"""Second factors: what somebody has, where one is asked for, and showing it."""
