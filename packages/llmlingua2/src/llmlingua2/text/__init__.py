"""What a text is made of: characters, words, their lemmas, and tokens as others count them."""
