"""`patchplan schema`: the JSON Schema of the config."""

import typer

from patchplan.cli.boundary import reported

EXAMPLE = "Example: patchplan schema > patchplan.schema.json"


@reported
def schema() -> None:
    """Print the JSON Schema of the config, with which editors complete and check YAML."""
    import json

    from patchplan.plans.config import config_schema

    typer.echo(json.dumps(config_schema(), indent=2))
