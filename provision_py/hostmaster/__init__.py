"""The front end's database: variables, nodes, queue, tasks, context options, write-back."""
