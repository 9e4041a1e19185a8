"""People: users, teams, roles and API keys."""
