"""The OpenAPI document of every route, made from gateway.yaml and from what each function declares of its answers.

A function's folder may have `openapi.py` with `OPERATIONS`, by "METHOD /path" as in gateway.yaml. Shapes are msgspec
Structs; bodies are the very Structs that the handler reads.
"""
