"""What `manage.py startapp` writes: the grammar of its fields, the names, and the files."""
