"""The only place with side effects on machines: files, processes, hosts, locks."""
