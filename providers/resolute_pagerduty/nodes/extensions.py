"""Extension schemas: the kinds of tools that can receive a service's incidents."""

from __future__ import annotations

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import read_page
from resolute_pagerduty.http.operations import GET_EXTENSION_SCHEMA, LIST_EXTENSION_SCHEMAS
from resolute_pagerduty.models.account import ExtensionSchema
from resolute_pagerduty.models.outputs import GetExtensionSchemaOutput, ListExtensionSchemasOutput
from resolute_pagerduty.models.parameters import Id, Offset, PageSize
from resolute_pagerduty.nodes.declare import READS, pagerduty_node


@pagerduty_node("ListExtensionSchemas", LIST_EXTENSION_SCHEMAS, repeat=READS)
async def list_extension_schemas(
    pagerduty: Accounts,
    *,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListExtensionSchemasOutput:
    """Reads a page of the extension schemas.

    Args:
        limit: schemas on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_extension_schemas(limit=100)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_EXTENSION_SCHEMAS,
        "extension_schemas",
        ListExtensionSchemasOutput,
        limit=limit,
        offset=offset,
        total=total,
    )


@pagerduty_node("GetExtensionSchema", GET_EXTENSION_SCHEMA, repeat=READS)
async def get_extension_schema(pagerduty: Accounts, *, id: Id, account: str | None = None) -> GetExtensionSchemaOutput:
    """Reads an extension schema.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_extension_schema(id="PJFWPEP")
    """
    answer = await pagerduty.account(account).send(GET_EXTENSION_SCHEMA, path={"id": id})
    found = ExtensionSchema.model_validate(object_in(answer, "extension_schema"))
    return GetExtensionSchemaOutput(extension_schema=found)
