"""Are lines what a JSON schema says? check_schema.py [--numbers] SCHEMA FILE: every line of FILE
must be, and no line of it stays so when a required field is taken out, or one that the schema
doesn't know put in. Values of 64 bits are strings, or numbers with --numbers."""
import json
import sys

import jsonschema

numbers = sys.argv[1] == "--numbers"
if numbers:
    del sys.argv[1]
with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
wide = [name for name, rule in schema["properties"].items()
        if rule.get("$ref", "").startswith("#/$defs/u64")]
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
# Of a line of a basket only.
optional = {"basket_goes_on", "of_basket"}
kinds = {}
with open(sys.argv[2], encoding="utf-8") as file:
    for number, line in enumerate(file, 1):
        record = json.loads(line)
        for error in validator.iter_errors(record):
            sys.exit(f"{sys.argv[2]}: line {number}: {error.message}: {line}")
        for name in wide:
            if not isinstance(record.get(name), (int if numbers else str, type(None))):
                sys.exit(f"{sys.argv[2]}: line {number}: {name} is of the other form: {line}")
        kinds.setdefault(record["kind"], record)
for record in kinds.values():
    for name in record.keys() - optional:
        if validator.is_valid({key: record[key] for key in record if key != name}):
            sys.exit(f"the schema lets {name} be left out of {record}")
    if validator.is_valid({**record, "more": 1}):
        sys.exit("the schema lets more fields in")
print(" ".join(sorted(kinds)))
