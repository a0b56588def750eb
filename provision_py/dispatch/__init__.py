"""Who runs tasks when: claims, locks, recovery, the queue."""
