"""The sections of a config beside `patching`: a file of frozen models per section."""
