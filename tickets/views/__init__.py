"""The desk in the browser: pages and the posts behind their buttons."""
