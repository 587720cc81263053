"""`python -m infra.config` writes the JSON Schema beside this file, after a change of the table in sections/."""

from infra.config.json_schema import PUBLISHED, text

if __name__ == "__main__":
    PUBLISHED.write_text(text(), "utf-8")
