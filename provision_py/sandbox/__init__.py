"""Private servers for the demo and the tests: MariaDB, Apache, nginx and php-fpm of this machine's own packages.

They run below one folder as the calling user, on free ports, beside whatever else runs on the machine.
"""
