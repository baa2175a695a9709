"""Training of the tiny models that maker ships: data, tokenizer, model, export."""
