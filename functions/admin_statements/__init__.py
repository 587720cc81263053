"""What one user used, and their months on paper.

GET /admin/users/{id}/usage?days=30                                      sums, by day, model and key
GET /admin/users/{id}/statement?month=2026-11&format=json|csv|html       opening balance, what came and went, closing
"""
