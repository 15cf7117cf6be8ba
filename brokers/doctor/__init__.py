"""What is wrong with a set-up and how to mend it: installation, exchange, data, journal and disk, each check by itself."""
