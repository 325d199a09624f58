# Files made at build time. A generated file of folder F is appended to GENERATED_F.
