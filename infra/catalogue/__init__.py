"""What is for sale: models with their dated prices, from gateway.yaml and from the owner's hand."""
