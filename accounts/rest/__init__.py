"""What every call of the REST API has in common, whichever app it belongs to."""
