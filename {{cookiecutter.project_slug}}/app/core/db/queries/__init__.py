"""What many queries need: pages, searches, rows that refer to others, slugs, upserts."""
