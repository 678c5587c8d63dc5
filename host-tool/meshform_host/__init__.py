"""The host tool: looks after the secrets, the tokens and the state of one host of a Meshform cluster."""
