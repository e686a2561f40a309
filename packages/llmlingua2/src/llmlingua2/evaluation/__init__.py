"""What `llmlingua2.evaluate` is made of: tasks, measures, and a reader for those who have one."""
