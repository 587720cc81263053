"""POST /admin/session: exchanges the admin key for a token that ends after 8 hours, for the control room."""
