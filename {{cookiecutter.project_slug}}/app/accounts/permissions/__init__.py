"""What users may do: permissions, and the groups that have them."""
