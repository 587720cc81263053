"""POST /v1/embeddings: vectors of one or several texts, as numbers or base64, charged by the tokens that went in."""
