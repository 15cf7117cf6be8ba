"""What each command of the research side does, one file each, named as the user types it."""
