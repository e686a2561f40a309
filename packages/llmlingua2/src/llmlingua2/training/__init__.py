"""What `llmlingua2.train` is made of: recipes, labels, data, the student and its loss."""
