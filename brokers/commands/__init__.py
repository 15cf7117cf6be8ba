"""What each live command does, one file each, named as the user types it."""
