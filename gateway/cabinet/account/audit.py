"""`/partner/team/log`: the audit log."""

from blacksheep import Response

from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest, parse_id
from gateway.cabinet.routes import Route, Section

PATH = f"{Section.TEAM.path}/log"
PAGE_SIZE = 50


async def show(request: PageRequest) -> Response:
    """Show a page of the log: the newest entries, or those before an entry."""
    before = parse_id(request.query["before"]) if request.query.get("before") else None
    entries = await request.ports.audit.newest(
        request.partner_id, before=before, limit=PAGE_SIZE + 1
    )
    shown = entries[:PAGE_SIZE]
    return request.page(
        "account/audit_log.html",
        entries=shown,
        older=f"{PATH}?before={shown[-1].id}" if len(entries) > PAGE_SIZE else None,
        newest=PATH if before else None,
    )


ROUTES = (Route(method="GET", path=PATH, handle=show, role=Role.DEVELOPER, section=Section.TEAM),)
