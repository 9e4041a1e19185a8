"""People, catalogue and conversations that `manage.py seed_demo` turns into a believable desk."""
