from fastapi import APIRouter

from app.accounts.routes import groups, keys, links, me, pages, sessions, token, users

router = APIRouter()
for module in (token, me, sessions, links, pages, users, groups, keys):
    router.include_router(module.router)
