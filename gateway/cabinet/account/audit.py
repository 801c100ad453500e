"""`/partner/team/log`: what everybody has changed, when and from where."""

from blacksheep import Response

from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest, known_id
from gateway.cabinet.routes import Route, Section

PATH = f"{Section.TEAM.path}/log"
PAGE = 50


async def show(visit: PageRequest) -> Response:
    """Show a page of the log, the newest or what came before an entry."""
    before = known_id(visit.query["before"]) if visit.query.get("before") else None
    entries = await visit.cabinet.parts.audit.newest(
        visit.member.partner_id, before=before, limit=PAGE + 1
    )
    shown = entries[:PAGE]
    more = f"{PATH}?before={shown[-1].id}" if len(entries) > PAGE else None
    return visit.page("audit.html", entries=shown, earlier=more, newest=PATH if before else None)


ROUTES = (Route(method="GET", path=PATH, handle=show, role=Role.DEVELOPER, section=Section.TEAM),)
