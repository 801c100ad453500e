"""Pages where what they need from npm was never copied."""

from pathlib import Path

from blacksheep import Application, Request, Response

from cabinet_htmx.shared.assets import Assets
from gateway.pages.docs import mount_docs


async def not_found(_: Request) -> Response:
    return Response(404)


async def test_pages_without_the_npm_files_say_how_to_install_them(tmp_path: Path) -> None:
    application = Application()
    mount_docs(application, assets=Assets(tmp_path), not_found=not_found)
    await application.start()  # type: ignore[no-untyped-call]  # BlackSheep leaves it untyped
    answer = await application.handle(Request("GET", b"/docs", []))
    assert answer.status == 503
    assert await answer.text() == "These pages haven't been built: run `make assets`.\n"
    assert (await application.handle(Request("GET", b"/static/site.css", []))).status == 404
